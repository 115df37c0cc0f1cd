/** The card in which a cloud flows. */
import { nextPicture } from "../picture.js";
import { describeSlider, Report, short } from "./card.js";
import { pictureCloud, shapeCloud, shapes, strokeCloud } from "./clouds.js";
import { flow } from "./flow.js";
import { FlowPicture, themes } from "./flowPicture.js";

/** Goals that are no shapes. */
const word = "a word";
const drawing = "your drawing";

const steps = 80;

/** Pixels along an edge of the canvas, at most. */
const largest = 1000;

/** A word, in black on white. */
function wordPicture(text) {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const font = "bold 160px system-ui, sans-serif";
  context.font = font;
  const { canvas } = context;
  canvas.width = Math.max(Math.ceil(context.measureText(text).width), 1);
  canvas.height = 200;
  context.font = font;
  context.textBaseline = "middle";
  context.fillText(text, 0, 100);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** @param {HTMLElement} card */
export function startFlow(card) {
  const at = (id) => card.querySelector(`#${id}`);
  const report = new Report(card);
  const canvas = at("particles");
  const context = canvas.getContext("2d");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  let strokes = [];
  let start = new Float32Array(0);
  let target = new Float32Array(0);
  let positions = start;
  /** Where the particles have been since they have this goal. */
  let way = [start];
  /** @type {FlowPicture} */
  let picture;
  /** Steps since the start. */
  let taken = 0;
  /** Counts the flows; one that finds another number has been overtaken. */
  let current = 0;
  let running = false;

  const count = () => Number(at("points").value);
  const options = () => ({
    epsilon: 10 ** at("flowEpsilon").valueAsNumber,
    rate: at("rate").valueAsNumber,
    steps,
  });

  function paint() {
    context.putImageData(new ImageData(picture.pixels(), picture.width, picture.height), 0, 0);
  }

  /** A new picture of what there is: for another size or theme, with trails or without. */
  function repaint() {
    const size = Math.min(Math.max(Math.round(canvas.clientWidth * devicePixelRatio), 64), largest);
    canvas.width = size;
    canvas.height = size;
    picture = new FlowPicture(size, dark.matches ? themes.dark : themes.light, start);
    picture.aim(target);
    picture.move(way[0], false);
    for (const later of way.slice(1)) picture.move(later, at("trails").checked);
    paint();
  }

  function showState() {
    const label = running ? "Pause" : taken > 0 && taken < steps ? "Continue" : "Start";
    at("start").textContent = label;
    at("start").disabled = target.length === 0;
  }

  function stop(text) {
    current++;
    running = false;
    report.status(text);
    showState();
  }

  async function run() {
    const own = ++current;
    const before = taken >= steps ? 0 : taken;
    running = true;
    report.status("Flowing …");
    showState();
    try {
      for await (const frame of flow(positions, target, options())) {
        if (own !== current) return;
        taken = Math.min(before + frame.step, steps);
        positions = frame.positions;
        way.push(positions);
        picture.move(positions, at("trails").checked);
        paint();
        report.figures({
          step: taken,
          epsilon: short(frame.epsilon),
          divergence: short(frame.divergence),
          iterations: frame.iterations,
          marginalError: short(frame.marginalError),
          milliseconds: Math.round(frame.milliseconds),
        });
        if (taken === steps) {
          stop(`Arrived after ${steps} steps: divergence ${short(frame.divergence)}.`);
          return;
        }
        // Lets the browser paint and answer.
        await nextPicture();
      }
    } catch (error) {
      if (own !== current) return;
      stop("");
      report.error(error);
    }
  }

  function goal() {
    const to = at("to").value;
    if (to === drawing) return strokes.length ? strokeCloud(strokes, count()) : new Float32Array(0);
    if (to !== word) return shapeCloud(to, count());
    const text = at("word").value.trim();
    if (text === "") throw new Error("The word is empty: type one.");
    return pictureCloud(wordPicture(text), count());
  }

  /** Takes the goal that is chosen; particles stay where they are. */
  function aim() {
    const drawn = at("to").value === drawing;
    at("drawField").hidden = !drawn;
    at("wordField").hidden = at("to").value !== word;
    canvas.classList.toggle("drawing", drawn);
    try {
      target = goal();
      report.error(null);
    } catch (error) {
      target = new Float32Array(0);
      report.error(error);
    }
    taken = 0;
    for (const figure of card.querySelectorAll("[data-figure]")) figure.textContent = "–";
    way = [positions];
    picture.aim(target);
    paint();
    if (running && target.length > 0) run();
    else if (running || target.length === 0)
      stop(drawn && strokes.length === 0 ? "Draw a goal, then press Start." : "");
    else showState();
  }

  /** Takes the particles back to where they start. */
  function reset() {
    stop("");
    taken = 0;
    start = shapeCloud(at("from").value, count());
    positions = start;
    way = [start];
    repaint();
    aim();
  }

  const penAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    // A second finger does not draw.
    if (at("to").value !== drawing || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    strokes.push([penAt(event)]);
    aim();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId) || strokes.length === 0) return;
    strokes.at(-1).push(penAt(event));
    aim();
  });
  at("clear").addEventListener("click", () => {
    strokes = [];
    aim();
  });

  at("start").addEventListener("click", () => {
    if (running) stop("Paused.");
    else run();
  });
  at("reset").addEventListener("click", reset);
  at("from").addEventListener("change", reset);
  at("points").addEventListener("change", reset);
  at("to").addEventListener("change", aim);
  at("word").addEventListener("input", aim);
  for (const id of ["flowEpsilon", "rate"]) {
    at(id).addEventListener("input", () => {
      describe();
      if (running) run();
    });
  }
  function describe() {
    describeSlider(at("flowEpsilon"), short(options().epsilon));
    describeSlider(at("rate"), short(options().rate));
  }
  at("trails").addEventListener("change", repaint);
  dark.addEventListener("change", repaint);
  new ResizeObserver(() => {
    const size = Math.min(Math.round(canvas.clientWidth * devicePixelRatio), largest);
    if (size !== picture.width) repaint();
  }).observe(canvas);

  at("from").append(...shapes.map((name) => new Option(name)));
  at("to").append(...[...shapes, word, drawing].map((name) => new Option(name)));
  at("from").value = "ring";
  at("to").value = "heart";
  describe();
  reset();
}
