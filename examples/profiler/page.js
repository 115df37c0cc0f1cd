/** The page: what to measure, and what was. The measuring itself is in worker.js. */
import { offerExecutors, withChoice } from "../executorChoice.js";
import { rooflinePicture, timesPicture } from "./charts.js";
import { howTimed, kernelRows, runFigures } from "./figures.js";
import { indented, partsOf } from "./highlight.js";
import { workloadOf, workloads } from "./workloads.js";

const at = (id) => document.getElementById(id);
const form = at("choice");
const kernel = at("kernel");
const start = at("start");
const stop = at("stop");
const program = at("program");

for (const [name, { title }] of Object.entries(workloads)) kernel.add(new Option(title, name));

/** The last measurement of each kernel and sizes in this visit: all of them stand under the roofline. */
const history = new Map();
let shown = null;
let worker = null;

function status(text) {
  at("status").textContent = text;
}

function complain(text) {
  at("error").textContent = text;
  at("error").hidden = text === "";
}

function offerSizes() {
  const fields = workloads[kernel.value].sizes.map(({ name, least, most, initial }) => {
    const label = document.createElement("label");
    label.className = "field";
    const input = document.createElement("input");
    Object.assign(input, { type: "number", name, min: least, max: most, step: 1, value: initial });
    input.inputMode = "numeric";
    label.append(`${name} (${least} – ${most}) `, input);
    return label;
  });
  at("sizes").replaceChildren(...fields);
}

const titleOf = ({ name, sizes }) => `${name} ${sizes.join(" x ")}`;

function drawCharts() {
  if (!shown) return;
  const points = [...history].flatMap(([title, measured]) =>
    measured.kernels.map((one) => ({
      name: one.kernel,
      current: title === titleOf(shown),
      kernel: one,
    })),
  );
  const roof = at("roofline");
  roof.innerHTML = rooflinePicture({ width: roof.clientWidth, roofline: shown.roofline, points });
  if (shown.samples.length === 0) return;
  const times = at("times");
  times.innerHTML = timesPicture({ width: times.clientWidth, samples: shown.samples });
}

function row(cells, tag) {
  const line = document.createElement("tr");
  for (const content of cells) {
    const cell = document.createElement(tag);
    cell.textContent = content;
    line.append(cell);
  }
  return line;
}

function showText() {
  const chosen = shown.kernels.find((one) => one.program === program.value) ?? shown.kernels[0];
  const parts = partsOf(indented(chosen.wgsl)).map(({ kind, text }) => {
    if (kind === "") return text;
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    return span;
  });
  at("text").replaceChildren(...parts);
  const overrides = Object.entries(chosen.overrides).map(([name, value]) => `${name} = ${value}`);
  at("overrides").textContent =
    overrides.length > 0 ? `Pipeline constants: ${overrides.join(", ")}.` : "";
}

function offerPrograms() {
  const names = shown.kernels.map((one) => one.program);
  const before = [...program.options].map(({ value }) => value);
  if (names.every((name) => before.includes(name)) && names.length === before.length) return;
  program.replaceChildren(...names.map((name) => new Option(name, name)));
  showText();
}

function show(measured) {
  shown = measured;
  history.set(titleOf(measured), measured);
  at("results").hidden = false;
  at("executor").textContent = `Computed on: ${measured.adapter}.`;
  at("resultsTitle").textContent = titleOf(measured);
  for (const [name, value] of Object.entries(runFigures(measured)))
    document.querySelector(`[data-figure=${name}]`).textContent = value;
  at("how").textContent = howTimed(measured);
  const { headings, rows } = kernelRows(measured);
  at("table").replaceChildren(row(headings, "th"), ...rows.map((cells) => row(cells, "td")));
  offerPrograms();
  drawCharts();
}

/** Takes a new thread. The old one, which it ends, may be in the midst of a computation. */
function replaceWorker() {
  worker?.terminate();
  worker = new Worker(withChoice(new URL("./worker.js", import.meta.url)), { type: "module" });
  worker.onerror = ({ message }) => {
    worker = null;
    end("Nothing was measured.");
    complain(`The worker of this page could not run${message ? `: ${message}` : "."}`);
  };
}

function end(text) {
  start.disabled = false;
  stop.disabled = true;
  status(text);
}

const samples = () => `${shown.samples.length} samples of ${titleOf(shown)}`;

function begin(name, sizes) {
  let any = false;
  if (!worker) replaceWorker();
  worker.onmessage = ({ data }) => {
    if (data.status) status(data.status);
    if (data.measured) {
      any = true;
      show(data.measured);
      status(`Measuring: ${samples()} …`);
    }
    if (data.done) end(`Done: ${samples()}.`);
    if (data.failure) {
      end("Nothing was measured.");
      complain(data.failure);
    }
  };
  start.disabled = true;
  stop.disabled = false;
  stop.onclick = () => {
    replaceWorker();
    end(any ? `Stopped after ${samples()}.` : "Stopped before anything was measured.");
  };
  status("Starting …");
  worker.postMessage({ name, sizes });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (start.disabled) return;
  complain("");
  const name = kernel.value;
  const sizes = [...at("sizes").querySelectorAll("input")].map(({ value }) =>
    value.trim() === "" ? Number.NaN : Number(value),
  );
  try {
    workloadOf(name, sizes);
  } catch (error) {
    complain(error.message);
    return;
  }
  begin(name, sizes);
});

kernel.addEventListener("change", () => {
  offerSizes();
  complain("");
});
at("sizes").addEventListener("input", () => complain(""));
program.addEventListener("change", showText);
new ResizeObserver(drawCharts).observe(at("results"));
offerExecutors();
offerSizes();
replaceWorker();
start.disabled = false;
