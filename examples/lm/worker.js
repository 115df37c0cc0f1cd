/** Trains, so that the page need not: takes commands from it and tells it what happens. */
import { init } from "tilegrad/functions";
import { executorName } from "../executorName.js";
import { isSoleTab } from "../soleTab.js";
import { forgetKept, keep, readKept } from "./kept.js";
import { memoryOf } from "./memory.js";
import { readText, requireText, TrainingSession } from "./session.js";

/** Milliseconds between two checkpoints that are kept on the way. */
const keepEvery = 3000;

const tell = (type, more = {}, transfer = []) => postMessage({ type, ...more }, transfer);

/** Lets commands of the page in: training alone might never wait for anything but the device. */
const breathe = () => new Promise((resolve) => setTimeout(resolve));

/** Whether the file that is kept belongs to this tab. */
const alone = isSoleTab("tilegrad-lm");

let device = null;
let session = null;
/** Stops the training that runs. */
let stopping = null;
/** Whether the page wants a file of the run, at the next step that ends. */
let saving = false;
let keptAt = 0;
/** Whether it was said that nothing can be kept. */
let told = false;

const described = ({ step, settings, curve, text, finished }) => ({
  step,
  settings,
  curve,
  text,
  finished,
});

function replace(next) {
  session?.dispose();
  session = next;
}

async function keepNow() {
  keptAt = performance.now();
  if (!(await alone)) return;
  try {
    await keep(await session.encode());
  } catch (error) {
    if (told) return;
    told = true;
    tell("error", {
      message: `The run cannot be kept in this browser (${error.message}). Save it to disk before you leave.`,
    });
  }
}

async function save() {
  saving = false;
  const bytes = await session.encode();
  tell("saved", { bytes, step: session.step }, [bytes.buffer]);
}

async function train() {
  stopping = new AbortController();
  const { signal } = stopping;
  let since = { step: session.step, at: performance.now() };
  tell("training", { step: session.step });
  keptAt = performance.now();
  try {
    await session.run({
      signal,
      onStep: async ({ step, loss }) => {
        const now = performance.now();
        const tokens = (step - since.step) * session.tokensPerStep;
        const tokensPerSecond = step === 1 ? null : (1000 * tokens) / (now - since.at);
        since = { step, at: now };
        const memory = device.pool.report().liveBytes;
        tell("step", { step, loss, tokensPerSecond, memory });
        if (saving) await save();
        if (now - keptAt > keepEvery) await keepNow();
        await breathe();
      },
      onSample: (sample) => {
        tell("sample", { step: session.step, sample });
        // The time for the sample is not that of steps.
        since = { step: session.step, at: performance.now() };
      },
    });
    await keepNow();
    if (session.finished) tell("sample", { step: session.step, sample: await session.sample(300) });
    tell("paused", { step: session.step, finished: session.finished });
  } finally {
    stopping = null;
  }
}

/** The settings that kernels were compiled for last. */
let warmed = "";

/** Compiles the kernels of a step and of a sample before they are wanted, on a run that is thrown away. */
async function warmUp(text, settings) {
  const { size, optimizer, state } = settings;
  const wanted = [size, optimizer, state].join();
  if (wanted === warmed) return;
  const rehearsal = new TrainingSession(text, settings);
  try {
    const batch = rehearsal.batches.next();
    await rehearsal.trainStep.warmup(batch);
    rehearsal.trainStep(batch);
    await rehearsal.sample(1);
  } finally {
    rehearsal.dispose();
  }
  warmed = wanted;
}

const commands = {
  async open({ executor }) {
    device = await init({ executor });
    const on = executorName(device.executor.adapter);
    const bytes = (await alone) ? await readKept().catch(() => null) : null;
    let problem = null;
    try {
      if (bytes) replace(TrainingSession.open(bytes, "The run that was kept in this browser"));
    } catch (error) {
      problem = error.message;
    }
    tell("ready", { on, kept: session && described(session), alone: await alone });
    if (problem) tell("error", { message: problem });
  },

  /** Says what a run would need, and prepares for it. */
  async prepare({ text, settings, choice }) {
    tell("memory", memoryOf(settings, new Set(text).size));
    if (session) return;
    requireText(text, settings);
    await warmUp(text, settings);
    tell("prepared", { choice });
  },

  async start({ text, settings }) {
    const next = new TrainingSession(text, settings);
    replace(next);
    await train();
  },

  async resume() {
    await train();
  },

  async save() {
    await save();
  },

  async load({ file }) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const next = TrainingSession.open(bytes, file.name);
    replace(next);
    await keepNow();
    tell("loaded", { ...described(next), sample: next.step > 0 ? await next.sample() : "" });
  },

  async forget() {
    replace(null);
    if (await alone) await forgetKept();
    tell("forgotten");
  },

  async read({ file }) {
    tell("text", { text: await readText(file, file.name), name: file.name });
  },
};

/** Commands run one after another. */
let last = Promise.resolve();

addEventListener("message", ({ data }) => {
  if (data.type === "pause") return stopping?.abort();
  if (data.type === "save" && stopping) {
    saving = true;
    return;
  }
  last = last
    .then(() => commands[data.type](data))
    .catch((error) => tell("error", { message: error.message, during: data.type }));
});
