/** The card of the race down a surface. */
import { RaceCard } from "./raceCard.js";
import { rates } from "./rates.js";
import { rules } from "./rules.js";
import { gridSize, SurfaceMap } from "./surfaceMap.js";
import { surfaces } from "./surfaces.js";

const longest = 600;

/** @param {HTMLElement} card */
export async function startSurface(card, remote) {
  const map = new SurfaceMap(card.querySelector("canvas"));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const trails = new Map();
  let values = null;

  const race = new RaceCard(card, {
    judged: "Height",
    longest,
    speed: 1,
    async begin(entries) {
      const start = startPoint();
      await remote.beginSurface(race.at("surface").value, entries, start);
      trails.clear();
      for (const { name } of entries)
        trails.set(name, { colour: rules[name].colour, points: [...start] });
    },
    async advance(steps) {
      const stretches = await remote.advance("surface", steps);
      return (results) => {
        for (const { name, points, values: heights, lost } of stretches) {
          trails.get(name).points.push(...points);
          const value = heights.at(-1) ?? results.get(name)?.value ?? Number.NaN;
          results.set(name, { value, lost });
        }
        draw();
      };
    },
    cleared() {
      trails.clear();
      draw();
    },
  });

  const surface = () => surfaces[race.at("surface").value];
  const startFields = () => [race.at("startX"), race.at("startY")];

  /** @throws Error for a start off the map */
  function startPoint() {
    return startFields().map((field, i) => {
      const [low, high] = i === 0 ? surface().x : surface().y;
      const value = field.value.trim() === "" ? Number.NaN : Number(field.value.replace(",", "."));
      if (value >= low && value <= high) return value;
      throw new Error(
        `The start's ${"xy"[i]} is “${field.value}”. On this map it is a number from ${low} to ${high}.`,
      );
    });
  }

  function draw() {
    try {
      map.draw(startPoint(), trails);
    } catch (error) {
      race.report.error(error);
    }
  }

  function setStart(point) {
    startFields().forEach((field, i) => {
      field.value = String(Number(point[i].toFixed(3)));
    });
  }

  function paintGround() {
    map.setGround(surface(), values, dark.matches);
    draw();
  }

  async function chooseSurface() {
    const chosen = race.at("surface").value;
    race.table.setRates(rates[chosen]);
    setStart(surface().start);
    card.querySelector(".surfaceAbout").textContent = surface().about;
    race.reset();
    try {
      const found = await remote.landscape(chosen, gridSize);
      if (chosen !== race.at("surface").value) return;
      values = found;
      paintGround();
    } catch (error) {
      race.report.error(error);
    }
  }

  for (const [name, { title }] of Object.entries(surfaces))
    race.at("surface").append(new Option(title, name));
  race.at("surface").addEventListener("change", chooseSurface);
  map.canvas.addEventListener("click", (event) => {
    if (values === null) return;
    setStart(map.pointAt(event));
    race.reset();
  });
  for (const field of startFields()) field.addEventListener("change", () => race.reset());
  dark.addEventListener("change", paintGround);
  new ResizeObserver(draw).observe(map.canvas);
  await chooseSurface();
  race.ready();
}
