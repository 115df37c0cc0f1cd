/** The page: two networks learn side by side, each with a loss and a gradient of its own. */
import { curvesIn } from "../curves.js";
import { offerExecutors, withChoice } from "../executorChoice.js";
import { Player } from "../player.js";
import { remoteOf } from "../remote.js";
import { describeSlider, Report, short } from "../transport/card.js";
import { defaults, gradients, losses, moduli, nextLook } from "./grokking.js";

/** Steps at most from one look to the next, so that a pause is answered soon. */
const stretch = 10;
/** Where a run ends that has not grokked. */
const longest = 4000;
/** Share of the other pairs that is right when a run has grokked. */
const grokked = 0.99;

const colours = { training: "#8b93a3", validation: "#2f7de1", silent: "#e4572e" };
const curves = [
  { label: "training pairs right", colour: colours.training },
  { label: "other pairs right", colour: colours.validation },
  { label: "silent pairs", colour: colours.silent, dash: [5, 4] },
];

const at = (id) => document.getElementById(id);
const card = at("networks");
const report = new Report(card);
offerExecutors();
const script = withChoice(new URL("./worker.js", import.meta.url));
const remote = remoteOf(new Worker(script, { type: "module" }));

/** Weight decays of the slider. */
const decays = [0, 0.01, 0.03, 0.1, 0.3, 1];

/** What one network has shown so far. */
class Side {
  constructor(place) {
    place.append(at("network").content.cloneNode(true));
    this.place = place;
    this.report = new Report(place);
    this.show = curvesIn(place.querySelector(".curves"), {
      xTitle: "step",
      yTitle: "share",
      logX: true,
      yRange: [-0.02, 1.02],
    });
    for (const [name, choices] of Object.entries({ loss: losses, gradient: gradients }))
      for (const [value, { title }] of Object.entries(choices))
        this.select(name).append(new Option(title, value));
  }

  select(name) {
    return this.place.querySelector(`[name=${name}]`);
  }

  get settings() {
    return {
      p: Number(at("modulus").value),
      weightDecay: decays[at("decay").valueAsNumber],
      loss: this.select("loss").value,
      gradient: this.select("gradient").value,
    };
  }

  clear() {
    this.step = 0;
    this.seconds = 0;
    this.ended = false;
    this.columns = [[], [], [], []];
    this.report.status("");
    for (const figure of this.place.querySelectorAll("[data-figure]")) figure.textContent = "–";
    this.show(curves, this.columns);
  }

  take(figures, seconds) {
    this.step = figures.step;
    this.seconds += seconds;
    const { training, validation, silent, loss } = figures;
    [figures.step, training, validation, silent].forEach((value, i) => {
      this.columns[i].push(value);
    });
    this.show(curves, this.columns);
    const percent = (share) => `${(100 * share).toFixed(1)} %`;
    this.report.figures({
      step: figures.step,
      loss: short(loss),
      training: percent(training),
      validation: percent(validation),
      silent: percent(silent),
    });
    const took = `after ${this.step} steps, ${this.seconds.toFixed(0)} s`;
    if (validation >= grokked) this.report.status(`Grokked ${took}.`);
    else if (this.step >= longest) this.report.status(`Not grokked ${took}.`);
    this.ended = validation >= grokked || this.step >= longest;
  }
}

const sides = [...card.querySelectorAll(".side")].map((place) => new Side(place));
sides[0].select("loss").value = "softmax";
sides[1].select("loss").value = "stablemax";
sides[1].select("gradient").value = "orthogonal";

/** The side that has its turn: the one with fewer steps, so that both go side by side. */
const nextSide = () =>
  sides.filter(({ ended }) => !ended).reduce((one, other) => (other.step < one.step ? other : one));

const player = new Player({
  begin: () => remote.begin(sides.map(({ settings }) => settings)),
  async advance() {
    const side = nextSide();
    const started = performance.now();
    const steps = Math.min(nextLook(side.step) - side.step, stretch);
    const figures = await remote.advance(sides.indexOf(side), steps);
    return () => side.take(figures, (performance.now() - started) / 1000);
  },
  isOver: () => sides.every(({ ended }) => ended),
  changed() {
    const { running, begun, ended } = player;
    at("start").textContent = running ? "Pause" : begun ? "Continue" : "Start";
    at("start").disabled = ended;
    if (ended) report.status("Both have ended.");
    else report.status(running ? "Training …" : begun ? "Paused." : "");
  },
  failed: (error) => report.error(error),
});

/** Starts anew; if it was running, it runs. */
function reset() {
  const { running } = player;
  player.reset();
  report.error(null);
  for (const side of sides) side.clear();
  if (running) player.play();
}

function describe() {
  describeSlider(at("decay"), String(decays[at("decay").valueAsNumber]));
}

at("modulus").append(...moduli.map((p) => new Option(p, p, p === defaults.p, p === defaults.p)));
describe();
for (const side of sides) side.clear();
at("start").addEventListener("click", () => {
  if (player.running) player.pause();
  else {
    report.error(null);
    player.play();
  }
});
at("reset").addEventListener("click", () => {
  player.pause();
  reset();
});
at("decay").addEventListener("input", describe);
for (const choice of card.querySelectorAll("select, #decay"))
  choice.addEventListener("change", reset);

at("executor").textContent = `Computed on: ${await remote.open()}, in a worker.`;
await remote.warmUp();
at("start").disabled = false;
