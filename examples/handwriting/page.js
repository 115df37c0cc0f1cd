/** The page: shows what the worker does, and tells it what was drawn. */
import { offerExecutors, withChoice } from "../executorChoice.js";
import { showImages } from "./ink.js";
import { Pad } from "./pad.js";
import { pictureOf, pixels } from "./raster.js";

const at = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const say = (id, text) => {
  at(id).textContent = text;
};

offerExecutors();
const script = withChoice(new URL("./worker.js", import.meta.url));
const worker = new Worker(script, { type: "module" });
const tell = (kind, rest = {}) => worker.postMessage({ kind, ...rest });

const pad = new Pad(at("pad"));

/** Jobs that the worker has not finished; until it has started, that is one. */
let jobs = 1;
let pretrained = false;
let count = 0;

function showState() {
  const busy = jobs > 0;
  const drawn = pad.strokes.length > 0;
  for (const id of ["pretrain", "files", "open"]) at(id).disabled = busy;
  for (const id of ["undo", "clear"]) at(id).disabled = !drawn;
  for (const button of at("digits").children) button.disabled = busy || !drawn || !pretrained;
  for (const button of at("thumbnails").querySelectorAll("button")) button.disabled = busy;
  at("reset").disabled = busy || count === 0;
  at("save").disabled = busy || !pretrained;
  for (const id of ["files", "open"]) at(id).parentElement.classList.toggle("disabled", busy);
}

/** Gives the worker something to do. */
function order(kind, rest = {}) {
  at("alert").hidden = true;
  jobs++;
  showState();
  tell(kind, rest);
}

function complain(message) {
  say("alert", message);
  at("alert").hidden = false;
}

const rows = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("div");
  row.className = "chance";
  row.setAttribute("role", "meter");
  row.setAttribute("aria-label", String(digit));
  row.setAttribute("aria-valuemin", "0");
  row.setAttribute("aria-valuemax", "100");
  row.innerHTML = `<span>${digit}</span><div class="track"><div class="bar"></div></div><span class="value"></span>`;
  at("chances").append(row);
  return row;
});

for (let digit = 0; digit < 10; digit++) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = String(digit);
  button.setAttribute("aria-label", `It was a ${digit}`);
  button.addEventListener("click", () => order("teach", { strokes: pad.strokes, label: digit }));
  at("digits").append(button);
}

/** Shows ten probabilities; null: there are none. */
function showChances(probabilities) {
  rows.forEach((row, digit) => {
    const chance = probabilities?.[digit] ?? 0;
    row.setAttribute("aria-valuenow", (100 * chance).toFixed(1));
    row.querySelector(".bar").style.width = `${100 * chance}%`;
    row.querySelector(".value").textContent = probabilities ? percent(chance) : "";
  });
  if (!probabilities) return say("verdict", "Nothing is drawn yet.");
  const best = probabilities.indexOf(Math.max(...probabilities));
  const word = pretrained ? "It reads" : "It has not learned to read, and guesses";
  say("verdict", `${word} ${best}, ${percent(probabilities[best])} sure.`);
}

/** Counts drawings, so that an answer about an older one is not shown. */
let turn = 0;
/** Whether an answer is awaited: then the next question waits. */
let looking = true;
let asked = 0;

function look() {
  if (looking || pad.strokes.length === 0) return;
  looking = true;
  asked = turn;
  tell("look", { turn, strokes: pad.strokes });
}

function showSeen() {
  const drawn = pad.strokes.length > 0;
  showImages(at("seen"), drawn ? pictureOf(pad.strokes) : new Float32Array(pixels));
}

pad.onchange = () => {
  turn++;
  showSeen();
  if (pad.strokes.length === 0) showChances(null);
  look();
  showState();
};
pad.onpen = (down) => say("penStatus", down ? "Pen down." : "Pen up.");

const show = (sample, columns) => () => sample && showImages(at("samples"), sample, columns);
let showSamples = () => {};
let drawThumbnails = () => {};

const narrow = matchMedia("(max-width: 44rem)");
let samples = null;
function sampleColumns() {
  showSamples = show(samples, narrow.matches ? 10 : 30);
  showSamples();
}
narrow.addEventListener("change", sampleColumns);

function showThumbnails(examples) {
  const list = at("thumbnails");
  list.replaceChildren();
  const drawings = examples.map(({ strokes, label }, index) => {
    const item = document.createElement("li");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Your ${label}`);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${label} ✕`;
    button.setAttribute("aria-label", `Delete lesson ${index + 1}, a ${label}`);
    button.addEventListener("click", () => order("forget", { index }));
    item.append(canvas, button);
    list.append(item);
    return () => showImages(canvas, pictureOf(strokes));
  });
  drawThumbnails = () => {
    for (const draw of drawings) draw();
  };
  drawThumbnails();
}

let stepped = 0;

const answers = {
  started({ executor, pretrained: before }) {
    say("executor", `Computed on: ${executor}.`);
    looking = false;
    if (before) answers.learned({ ...before, restored: true });
    else say("learningStatus", "It has not learned yet.");
  },
  source({ name, images }) {
    say("source", name);
    samples = images;
    sampleColumns();
  },
  progress({ step, of, loss, accuracy }) {
    const now = performance.now();
    if (step === 1) say("learningStatus", "Learning …");
    else say("milliseconds", Math.round(now - stepped));
    stepped = now;
    at("progress").value = step / of;
    say("step", step);
    say("loss", loss.toFixed(3));
    if (accuracy !== null) say("accuracy", percent(accuracy));
    // What is drawn is read again while it learns.
    look();
  },
  learned({ source, accuracy, stopped, restored }) {
    pretrained = true;
    at("progress").value = stopped ? at("progress").value : 1;
    say("accuracy", percent(accuracy));
    const how = restored ? "From your last visit: it" : stopped ? "Stopped: it" : "It";
    say(
      "learningStatus",
      `${how} learned from ${source} and reads ${percent(accuracy)} of digits it never saw.`,
    );
    say("pretrain", "Learn anew");
    look();
  },
  lesson({ step, of }) {
    say(
      "lessonStatus",
      step === of ? "Looking at what it learned …" : `A lesson: ${step} of ${of} steps …`,
    );
  },
  taught({ label, before, after, accuracy, was }) {
    say(
      "lessonStatus",
      `A ${label}: ${percent(before[label])} sure before the lesson, ${percent(after[label])} after. Other people's digits: ${percent(was)} before all lessons, ${percent(accuracy)} now.`,
    );
  },
  examples({ examples, right }) {
    count = examples.length;
    const text = `${count} of yours; it reads ${right === null ? "" : percent(right)} of them right.`;
    say("lessonsText", count === 0 ? "None yet." : text);
    if (count === 0) say("lessonStatus", "");
    showThumbnails(examples);
  },
  read({ turn: of, probabilities }) {
    looking = false;
    if (of === turn || pad.strokes.length > 0) showChances(probabilities);
    if (asked !== turn) look();
  },
  saved({ bytes }) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
    link.download = "handwriting.safetensors";
    link.click();
    URL.revokeObjectURL(link.href);
  },
  failure({ message }) {
    looking = false;
    complain(message);
  },
  idle() {
    jobs--;
    at("stop").disabled = true;
    showState();
    look();
  },
};

worker.addEventListener("message", ({ data }) => answers[data.kind](data));
worker.addEventListener("error", (event) => {
  complain(`The worker stopped: ${event.message ?? "it could not be loaded"}. Reload the page.`);
  say("executor", "Not running.");
});

at("pretrain").addEventListener("click", () => {
  order("pretrain", { steps: Number(at("steps").value) });
  at("stop").disabled = false;
});
at("stop").addEventListener("click", () => {
  at("stop").disabled = true;
  tell("stop");
});
at("undo").addEventListener("click", () => pad.undo());
at("clear").addEventListener("click", () => pad.clear());
at("reset").addEventListener("click", () => order("reset"));
at("save").addEventListener("click", () => order("save"));

const withBytes = (files) =>
  Promise.all(
    [...files].map(async (file) => ({
      name: file.name,
      bytes: new Uint8Array(await file.arrayBuffer()),
    })),
  );

/** Reads files and gives them to the worker. */
async function take(files, give) {
  try {
    const read = await withBytes(files);
    if (read.length > 0) give(read);
  } catch (error) {
    complain(`The files cannot be read: ${error.message}`);
  }
}

const takeDigits = (files) => take(files, (read) => order("files", { files: read }));
at("files").addEventListener("change", async ({ target }) => {
  await takeDigits(target.files);
  // So that the same files can be chosen again.
  target.value = "";
});
at("open").addEventListener("change", async ({ target }) => {
  await take(target.files, ([file]) => order("open", file));
  target.value = "";
});

const card = at("learning");
addEventListener("dragover", (event) => {
  event.preventDefault();
  card.classList.toggle("dropping", card.contains(event.target));
});
addEventListener("dragleave", () => card.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  card.classList.remove("dropping");
  const { files } = event.dataTransfer;
  if (files.length === 0) return;
  if (jobs > 0) complain("Wait until it has learned before you drop files.");
  else takeDigits(files);
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  showSamples();
  showSeen();
  drawThumbnails();
});
showSeen();
showChances(null);
showState();
