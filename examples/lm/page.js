/** The page: takes the text and the choices, and shows what the worker tells. No tensor is ever here. */
import { chosenExecutor, offerExecutors } from "../executorChoice.js";
import { defaults, optimizers, readSettings, sizes, states } from "./settings.js";
import { story } from "./story.js";

const at = (id) => document.getElementById(id);
const alertLine = at("alert");
const statusLine = document.querySelector("[role=status]");

/** Characters that the box shows of a text: a page is slow with millions in one. */
const mostShown = 50_000;

/** What is shown. `state`: opening, ready, training, stopping, paused or finished. */
const run = { state: "opening", curve: [], step: 0, steps: defaults.steps };
/** The text of a file, where the box shows only its beginning. */
let whole = null;
let chart = null;
let worker = null;

const number = (value) => value.toLocaleString("en");
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;

function figures(values) {
  for (const [name, value] of Object.entries(values))
    document.querySelector(`[data-figure=${name}]`).textContent = value;
}

/** @param about "choices": of the text and the settings, which goes once they are good; or "command" */
function complain(message, about = "command") {
  alertLine.textContent = message ?? "";
  alertLine.hidden = !message;
  alertLine.dataset.about = about;
}

const text = () => whole ?? at("text").value;

const settings = () =>
  readSettings({
    size: at("size").value,
    optimizer: at("optimizer").value,
    state: at("state").value,
    steps: Number(at("steps").value),
  });

function describeText() {
  const { length } = text();
  const shown = whole === null ? "" : `; the first ${number(mostShown)} are shown`;
  at("textLength").textContent = `${number(length)} characters${shown}.`;
}

function showText(value) {
  whole = value.length > mostShown ? value : null;
  at("text").value = value.slice(0, mostShown);
  at("text").readOnly = whole !== null;
  describeText();
}

const labels = {
  opening: "Start",
  ready: "Start",
  training: "Pause",
  stopping: "Pause",
  paused: "Continue",
  finished: "Start",
};

function enter(state, told) {
  run.state = state;
  const still = ["ready", "paused", "finished"].includes(state);
  const begun = state === "paused" || state === "finished";
  at("start").textContent = labels[state];
  at("start").disabled = ["opening", "stopping", "finished"].includes(state);
  at("anew").hidden = !begun;
  at("save").disabled = !begun && state !== "training";
  at("load").disabled = !still;
  // The text and the choices of a run are those that it began with.
  for (const control of document.querySelectorAll(
    "select, textarea, #steps, #file, #tales, #clear",
  ))
    control.disabled = state !== "ready";
  if (told !== undefined) statusLine.textContent = told;
}

let drawing = 0;

function draw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    chart?.show(run.curve);
    const [step, loss] = run.curve.at(-1) ?? [];
    const label = step
      ? `The loss fell from ${run.curve[0][1].toFixed(2)} to ${loss.toFixed(2)} in ${step} steps`
      : "The loss at each step: nothing yet";
    at("curve").setAttribute("aria-label", label);
    figures({
      step: `${number(run.step)} of ${number(run.steps)}`,
      loss: loss === undefined ? "–" : loss.toFixed(3),
    });
  });
}

function showSample(sample, step) {
  at("sample").textContent = sample || "Nothing yet.";
  at("sampleTitle").textContent = sample
    ? `What it writes after ${number(step)} steps`
    : "What it writes";
}

/** Shows a run that was begun before. */
function showRun({ step, settings: chosen, curve, text: trained, finished }, from) {
  Object.assign(run, { step, curve, steps: chosen.steps });
  for (const name of ["size", "optimizer", "state", "steps"]) at(name).value = chosen[name];
  showText(trained);
  draw();
  enter(
    finished ? "finished" : "paused",
    `${from} after ${number(step)} of ${number(chosen.steps)} steps.`,
  );
}

function download(bytes, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const tell = (type, more = {}) => worker.postMessage({ type, ...more });

let waiting = 0;
/** Counts what was chosen: the worker may still prepare for what was chosen before. */
let choice = 0;

/** Has the worker predict and prepare, once nothing has changed for a moment. */
function prepare(delay = 0) {
  choice++;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (run.state !== "ready" && run.state !== "paused") return;
    try {
      tell("prepare", { text: text(), settings: settings(), choice });
    } catch (error) {
      complain(error.message, "choices");
    }
  }, delay);
}

const heard = {
  ready({ on, kept, alone }) {
    at("executor").textContent = `Computed on: ${on}.`;
    if (kept) showRun(kept, "A run is kept in this browser: it stands");
    else if (alone) enter("ready", "Ready.");
    else enter("ready", "Ready. Another tab keeps its run in this browser: save this one to disk.");
    prepare();
  },
  memory({ parameters, bytes, total }) {
    const { layers, width, context } = sizes[at("size").value];
    at("memory").textContent =
      `${number(parameters)} parameters: ${layers} layers of width ${width}, which see ${context} characters. ` +
      `Predicted memory: ${megabytes(total)}, of them ${megabytes(bytes.optimizer)} for the optimizer ` +
      `and ${megabytes(bytes.activations)} for what waits for the backward pass.`;
  },
  prepared({ choice: of }) {
    if (of === choice && alertLine.dataset.about === "choices") complain(null);
    performance.mark("prepared");
  },
  training() {
    enter("training", "Training …");
  },
  step({ step, loss, tokensPerSecond, memory }) {
    if (run.clicked) {
      performance.measure("first step", { start: run.clicked, end: performance.now() });
      run.clicked = 0;
    }
    run.step = step;
    run.curve.push([step, loss]);
    if (tokensPerSecond) figures({ tokensPerSecond: number(Math.round(tokensPerSecond)) });
    figures({ memory: megabytes(memory) });
    draw();
  },
  sample({ sample, step }) {
    showSample(sample, step);
  },
  paused({ step, finished }) {
    run.step = step;
    draw();
    if (finished) enter("finished", `Finished after ${number(step)} steps.`);
    else enter("paused", `Paused after ${number(step)} steps.`);
  },
  saved({ bytes, step }) {
    download(bytes, `language-model-${step}.safetensors`);
    statusLine.textContent = `Saved after ${number(step)} steps.`;
  },
  loaded(told) {
    showRun(told, "Loaded: it stands");
    showSample(told.sample, told.step);
    prepare();
  },
  forgotten() {
    Object.assign(run, { curve: [], step: 0 });
    showSample("");
    figures({ tokensPerSecond: "–", memory: "–" });
    draw();
    enter("ready", "Ready.");
    prepare();
  },
  text({ text: read, name }) {
    showText(read);
    statusLine.textContent = `${name}: ${number(read.length)} characters.`;
    prepare();
  },
  error({ message, during }) {
    complain(message, during === "prepare" || during === "start" ? "choices" : "command");
    if (during === "open") {
      at("executor").textContent = "Not running.";
      at("computedBy").disabled = false;
    }
    if (during === "start") enter("ready", "");
    if (during === "resume") enter("paused", "");
    if (during === "load" || during === "read") statusLine.textContent = "";
  },
};

function open() {
  worker?.terminate();
  enter("opening", "");
  at("executor").textContent = "Starting …";
  worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }) => heard[data.type](data));
  worker.addEventListener("error", (event) => {
    complain(`The worker failed: ${event.message ?? "it could not be loaded"}.`);
    at("executor").textContent = "Not running.";
    at("computedBy").disabled = false;
  });
  tell("open", { executor: chosenExecutor() });
}

function begin() {
  complain(null);
  try {
    if (run.state === "ready") {
      const chosen = settings();
      Object.assign(run, { curve: [], step: 0, steps: chosen.steps });
      run.clicked = performance.now();
      tell("start", { text: text(), settings: chosen });
      enter("stopping", "Preparing …");
    } else {
      tell("resume");
    }
  } catch (error) {
    complain(error.message, "choices");
  }
}

at("start").addEventListener("click", () => {
  if (run.state !== "training") return begin();
  tell("pause");
  enter("stopping", "Pausing after this step …");
});
at("anew").addEventListener("click", () => tell("forget"));
at("save").addEventListener("click", () => tell("save"));

function take(file) {
  complain(null);
  if (/\.safetensors$/.test(file.name)) tell("load", { file });
  else tell("read", { file });
}

for (const input of [at("file"), at("load")])
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file && input === at("load")) {
      complain(null);
      tell("load", { file });
    } else if (file) take(file);
    // So that the same file can be chosen again.
    input.value = "";
  });

addEventListener("dragover", (event) => {
  event.preventDefault();
  at("text").classList.add("dropping");
});
for (const name of ["dragleave", "drop"])
  addEventListener(name, () => at("text").classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (!file) return;
  if (run.state === "training" || run.state === "stopping")
    complain("Pause the training before you drop a file.");
  else if (run.state !== "ready" && !/\.safetensors$/.test(file.name))
    complain("This run has its text. Begin anew before you drop another.");
  else take(file);
});

at("tales").addEventListener("click", () => {
  showText(story());
  prepare();
});
at("clear").addEventListener("click", () => {
  showText("");
  at("text").focus();
});
at("text").addEventListener("input", () => {
  describeText();
  prepare(500);
});
for (const id of ["size", "optimizer", "state", "steps"])
  at(id).addEventListener("input", () => prepare(id === "steps" ? 500 : 0));

const fill = (select, entries, chosen) => {
  for (const [value, label] of entries)
    select.append(new Option(label, value, false, value === chosen));
};
fill(
  at("size"),
  Object.keys(sizes).map((name) => [name, name]),
  defaults.size,
);
fill(
  at("optimizer"),
  Object.entries(optimizers).map(([name, { label }]) => [name, label]),
  defaults.optimizer,
);
fill(at("state"), Object.entries(states), defaults.state);
at("steps").value = defaults.steps;

offerExecutors(open);
showText(story());
open();
const { LossChart } = await import("./lossChart.js");
chart = new LossChart(at("curve"));
draw();
