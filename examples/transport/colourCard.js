/** The card that recolours a picture. */
import { nextPicture } from "../picture.js";
import { describeSlider, Report, short } from "./card.js";
import { ColouredPicture, ColourMatch, matchColours, recolour } from "./colourTransfer.js";
import { forest, sunset } from "./pictures.js";

/** Colours in a palette, at most. */
const paletteSize = 400;

/** Pictures are scaled down to so many pixels along their longer side: all is recoloured at each stage. */
const longestSide = 640;

/** The pixels of a picture file. @throws Error that says what to do, if it is none */
async function loadPicture(file) {
  const bitmap = await createImageBitmap(file).catch((cause) => {
    throw new Error(
      `${file.name} is no picture that this browser can open. Choose a PNG, JPEG or WebP file.`,
      { cause },
    );
  });
  const scale = Math.min(longestSide / Math.max(bitmap.width, bitmap.height), 1);
  const width = Math.max(Math.round(bitmap.width * scale), 1);
  const height = Math.max(Math.round(bitmap.height * scale), 1);
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** Shows a picture on a canvas of its size. */
function show(canvas, { width, height, data }) {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}

/** Shows a palette as a strip in which each colour is as wide as its share. */
function showSwatches(canvas, swatches) {
  canvas.width = 600;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  let at = 0;
  for (const { weight, rgb } of swatches) {
    context.fillStyle = `rgb(${rgb.join(" ")})`;
    context.fillRect(at, 0, weight * canvas.width + 1, 1);
    at += weight * canvas.width;
  }
}

/** @param {HTMLElement} card */
export function startColours(card) {
  const at = (id) => card.querySelector(`#${id}`);
  const report = new Report(card);
  const pictures = {};
  let match = null;
  let stage = null;
  /** Counts what was asked for; a loop that finds another number has been overtaken. */
  let wanted = 0;
  /** The loop that runs, or the last one: the next waits for it, since they share the match. */
  let running = Promise.resolve();

  const epsilon = () => 10 ** at("colourEpsilon").valueAsNumber;

  function draw() {
    if (!stage) return;
    const { width, height } = pictures.source.picture;
    const data = recolour(pictures.source, stage.moved, at("strength").valueAsNumber / 100);
    show(at("recoloured"), { width, height, data });
  }

  async function improve(own) {
    report.status("Matching the colours …");
    for await (const next of matchColours(match, { epsilon: epsilon() })) {
      if (own !== wanted) return;
      stage = next;
      draw();
      report.figures({
        iterations: stage.iterations,
        marginalError: short(stage.marginalError),
        milliseconds: short(stage.milliseconds),
      });
      if (stage.finished)
        report.status(
          stage.converged
            ? `Converged after ${stage.iterations} iterations.`
            : `Stopped after ${stage.iterations} iterations, not converged: take more entropy.`,
        );
      // Lets the browser paint and answer.
      await nextPicture();
    }
  }

  /** Goes on with the present settings; from the beginning if a picture has changed. */
  function restart(changed) {
    const own = ++wanted;
    running = running.then(async () => {
      if (own !== wanted && !changed) return;
      try {
        if (changed) {
          match?.dispose();
          stage = null;
          match = new ColourMatch(pictures.source, pictures.target);
          const [from, to] = [pictures.source, pictures.target].map((one) => one.palette.weights);
          report.figures({ palettes: `${from.length} → ${to.length}` });
        }
        if (own === wanted) await improve(own);
      } catch (error) {
        report.status("");
        report.error(error);
      }
    });
  }

  function place(name, coloured) {
    pictures[name] = coloured;
    const slot = card.querySelector(`[data-slot=${name}]`);
    show(slot.querySelector(".picture"), coloured.picture);
    showSwatches(slot.querySelector(".swatches"), coloured.swatches());
  }

  /** Files that were chosen so far, for each slot. */
  const chosen = { source: 0, target: 0 };

  async function choose(name, file) {
    const own = ++chosen[name];
    try {
      const picture = await loadPicture(file);
      // A small one that was chosen later may be there already.
      if (own !== chosen[name]) return;
      place(name, new ColouredPicture(picture, paletteSize));
      report.error(null);
      restart(true);
    } catch (error) {
      report.error(error);
    }
  }

  for (const slot of card.querySelectorAll(".slot")) {
    const name = slot.dataset.slot;
    const input = slot.querySelector("input");
    input.addEventListener("change", () => {
      if (input.files.length > 0) choose(name, input.files[0]);
      // So that the same file can be chosen again.
      input.value = "";
    });
    slot.addEventListener("dragover", (event) => {
      event.preventDefault();
      slot.classList.add("dropping");
    });
    slot.addEventListener("dragleave", () => slot.classList.remove("dropping"));
    slot.addEventListener("drop", (event) => {
      event.preventDefault();
      slot.classList.remove("dropping");
      if (event.dataTransfer.files.length > 0) choose(name, event.dataTransfer.files[0]);
    });
  }

  let waiting = 0;
  const describe = () => {
    describeSlider(at("strength"), `${at("strength").value} %`);
    describeSlider(at("colourEpsilon"), short(epsilon()));
  };
  at("strength").addEventListener("input", () => {
    describe();
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(draw);
  });
  at("colourEpsilon").addEventListener("input", () => {
    describe();
    restart(false);
  });
  at("swap").addEventListener("click", () => {
    const { source, target } = pictures;
    place("source", target);
    place("target", source);
    restart(true);
  });
  at("save").addEventListener("click", () => {
    at("recoloured").toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = "recoloured.png";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }, "image/png");
  });

  describe();
  place("source", new ColouredPicture(sunset(), paletteSize));
  place("target", new ColouredPicture(forest(), paletteSize));
  show(at("recoloured"), pictures.source.picture);
  restart(true);
}
