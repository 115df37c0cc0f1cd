/** The card of the race of small networks. */
import { curvesIn } from "../curves.js";
import { RaceCard } from "./raceCard.js";
import { rates } from "./rates.js";
import { rules } from "./rules.js";
import { span, twoSpirals } from "./spirals.js";

const longest = 1500;
/** Points along an edge of the picture of what a network thinks. */
const gridSize = 40;
/** Pictures of the race from one look at the boundaries to the next. */
const lookEvery = 4;

const sides = [
  [228, 107, 46],
  [47, 125, 225],
];

/** What a network thinks, as a picture: the more sure, the stronger the colour. */
function boundaryPixels(shares) {
  const pixels = new Uint8ClampedArray(4 * shares.length);
  shares.forEach((share, i) => {
    const sure = Math.abs(2 * share - 1);
    pixels.set([...sides[share > 0.5 ? 1 : 0], 40 + 150 * sure], 4 * i);
  });
  return pixels;
}

/** @param {HTMLElement} card */
export function startSpirals(card, remote) {
  const { input, target } = twoSpirals();
  const small = card.querySelector(".boundaries");
  const pictures = new Map();
  const show = curvesIn(card.querySelector(".curves"), {
    xTitle: "step",
    yTitle: "loss",
    logY: true,
  });
  let seed = 1;
  let looks = 0;
  let curves = [];
  let columns = [[]];
  let names = [];

  function drawBoundary(context, shares) {
    const { canvas } = context;
    const ground = new OffscreenCanvas(gridSize, gridSize);
    const image = new ImageData(boundaryPixels(shares), gridSize, gridSize);
    ground.getContext("2d").putImageData(image, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(ground, 0, 0, canvas.width, canvas.height);
    target.forEach((side, i) => {
      const at = (value) => ((value / span + 1) / 2) * canvas.width;
      context.fillStyle = `rgb(${sides[side].join(" ")})`;
      context.strokeStyle = "#fff";
      context.lineWidth = 1;
      context.beginPath();
      context.arc(at(input[2 * i]), at(-input[2 * i + 1]), 3.2, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    });
  }

  function makePictures() {
    pictures.clear();
    small.replaceChildren(
      ...names.map((name) => {
        const { title, colour } = rules[name];
        const figure = document.createElement("figure");
        const caption = document.createElement("figcaption");
        const swatch = document.createElement("span");
        swatch.className = "swatch";
        swatch.style.background = colour;
        caption.append(swatch, title);
        const canvas = document.createElement("canvas");
        canvas.width = 240;
        canvas.height = 240;
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `What the network of ${title} thinks`);
        figure.append(caption, canvas);
        pictures.set(name, canvas.getContext("2d"));
        return figure;
      }),
    );
  }

  const race = new RaceCard(card, {
    judged: "Loss",
    longest,
    speed: 2,
    async begin(entries) {
      await remote.beginSpirals(entries, seed);
      names = entries.map(({ name }) => name);
      curves = entries.map(({ name }) => ({
        label: rules[name].title,
        colour: rules[name].colour,
      }));
      columns = [[], ...names.map(() => [])];
      looks = 0;
      makePictures();
    },
    async advance(steps) {
      const states = await remote.advance("spirals", steps);
      const boundaries = looks++ % lookEvery === 0 ? await remote.boundaries(gridSize) : [];
      return (results) => {
        for (const { name, loss, lost } of states) results.set(name, { value: loss, lost });
        columns[0].push(race.steps);
        names.forEach((name, i) => {
          const { value, lost } = results.get(name);
          columns[i + 1].push(lost ? null : Math.max(value, 1e-6));
        });
        show(curves, columns);
        for (const { name, shares } of boundaries) drawBoundary(pictures.get(name), shares);
      };
    },
    cleared() {
      columns = [[], ...curves.map(() => [])];
      show(curves, columns);
      small.replaceChildren();
    },
  });

  race.table.setRates(rates.spirals);
  race.at("weights").hidden = false;
  race.at("weights").addEventListener("click", () => {
    seed++;
    race.reset();
  });
  race.ready();
}
