/**
 * The reader in a worker of the page: learns, reads and is taught here, so that the page always answers.
 *
 * Messages in, by `kind`: look, pretrain, stop, teach, forget, reset, files, open, save. Messages out: started, source,
 * progress, learned, lesson, taught, examples, read, saved, failure.
 */
import { browserFiles, init } from "tilegrad";
import { chosenExecutor } from "../executorChoice.js";
import { executorName } from "../executorName.js";
import { isSoleTab } from "../soleTab.js";
import { readDigits } from "./mnist.js";
import { pixels } from "./raster.js";
import { Reader } from "./reader.js";
import { generatedSource, suppliedSource } from "./sources.js";

const folder = "handwriting";
/** The network before its first lesson, and after its last with the examples of the lessons. */
const pretrainedFile = `${folder}/pretrained.safetensors`;
const personalFile = `${folder}/yours.safetensors`;

/** Pictures shown of a source. */
const shown = 30;

const say = (kind, rest = {}) => postMessage({ kind, ...rest });

const device = await init({ executor: chosenExecutor() });
const reader = await Reader.make();

let source = generatedSource();
/** The network's file before lessons, with `{ source, accuracy }`: what reset goes back to. */
let pretrained = null;
/** @type {import("./reader.js").Example[]} */
let examples = [];
let stopping = false;

/** Says what went wrong, in words. */
const fail = (error) => say("failure", { message: error.message });

let files = null;
/** Keeps a file for the next visit, if the browser lets it. */
async function keep(path, bytes) {
  try {
    await files?.writeAtomic(path, bytes);
  } catch (error) {
    files = null;
    fail(new Error(`Nothing can be kept for your next visit: ${error.message}`));
  }
}

const keepLessons = async () => keep(personalFile, await reader.save({ examples }));

/** Takes what the last visit kept. */
async function restore() {
  if (!(await isSoleTab(folder)))
    return fail(
      new Error(
        "Another tab of this page keeps what it learns in this browser: save the network of this one before you leave.",
      ),
    );
  try {
    files = browserFiles();
    await files.makeDirectory(folder);
    if (!(await files.exists(pretrainedFile))) return;
    const bytes = await files.read(pretrainedFile);
    const { source: name, accuracy } = reader.load(bytes, "the network of your last visit");
    pretrained = { bytes, source: name, accuracy };
    if (!(await files.exists(personalFile))) return;
    const run = reader.load(await files.read(personalFile), "the lessons of your last visit");
    examples = run.examples;
  } catch (error) {
    fail(new Error(`What was kept of your last visit cannot be used: ${error.message}`));
  }
}

const showSource = () =>
  say("source", { name: source.name, images: source.test.images.slice(0, shown * pixels) });

const showExamples = async () =>
  say("examples", { examples, right: await reader.accuracyOn(examples) });

/** What the network is before any lesson, from now on. */
async function settle(name, accuracy) {
  pretrained = { bytes: await reader.save({ source: name, accuracy }), source: name, accuracy };
  await keep(pretrainedFile, pretrained.bytes);
}

/** The lessons of all examples, on the network of before. */
async function teachAll() {
  reader.load(pretrained.bytes, "the network of before");
  const steps = examples.length && Math.min(24 + 6 * examples.length, 120);
  if (steps)
    for await (const lesson of reader.teach(examples, source, steps)) say("lesson", lesson);
  await keepLessons();
}

async function learned() {
  const { source: name, accuracy } = pretrained;
  say("learned", { source: name, accuracy, stopped: stopping });
  await showExamples();
}

const jobs = {
  async pretrain({ steps }) {
    stopping = false;
    let accuracy = null;
    for await (const state of reader.pretrain(source, steps)) {
      accuracy = state.accuracy ?? accuracy;
      say("progress", { ...state, of: steps });
      if (stopping) break;
    }
    await settle(source.name, stopping ? await reader.accuracy(source.test) : accuracy);
    await teachAll();
    await learned();
  },

  async teach({ strokes, label }) {
    const example = { strokes, label };
    const again = JSON.stringify(examples.at(-1)) === JSON.stringify(example);
    if (!again) examples = [...examples, example];
    const before = await reader.readStrokes(strokes);
    for await (const lesson of reader.teach(examples, source)) say("lesson", lesson);
    const after = await reader.readStrokes(strokes);
    const accuracy = await reader.accuracy(source.test);
    await keepLessons();
    say("taught", { label, before, after, accuracy, was: pretrained.accuracy });
    await showExamples();
  },

  async forget({ index }) {
    examples = examples.filter((_, i) => i !== index);
    await teachAll();
    await showExamples();
  },

  async reset() {
    examples = [];
    await teachAll();
    await showExamples();
  },

  async files({ files: given }) {
    const { train, test } = await readDigits(given);
    source = suppliedSource(train, test);
    showSource();
  },

  async open({ name, bytes }) {
    const before = await reader.save();
    try {
      reader.load(bytes, name);
    } catch (error) {
      reader.load(before, "the network of before");
      throw error;
    }
    await settle(name, await reader.accuracy(source.test));
    examples = [];
    await keepLessons();
    await learned();
  },

  async save() {
    say("saved", { bytes: await reader.save() });
  },
};

/** Jobs change the network, so they wait for each other; looking does not. */
let last = Promise.resolve();

async function look({ turn, strokes }) {
  say("read", { turn, probabilities: await reader.readStrokes(strokes) });
}

function answer({ data }) {
  if (data.kind === "stop") stopping = true;
  else if (data.kind === "look") look(data).catch(fail);
  else
    last = last
      .then(() => jobs[data.kind](data))
      .catch(fail)
      .then(() => say("idle"));
}

await restore();
const before = pretrained && { source: pretrained.source, accuracy: pretrained.accuracy };
say("started", { executor: executorName(device.executor.adapter), pretrained: before });
showSource();
await showExamples();
// Loads and compiles what reading takes: the first look comes soon then, and without a network.
await reader.read(new Float32Array(pixels));
self.addEventListener("message", answer);
say("idle");
