/** Two painted pictures with palettes that could hardly differ more: a sunset at sea, and a misty forest. */

/** A number from 0 to 1 that belongs to a point of a grid. */
function hash(x, y) {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

const mix = (a, b, t) => a + (b - a) * t;
const clamp = (x) => Math.min(Math.max(x, 0), 1);
const smooth = (low, high, x) => {
  const t = clamp((x - low) / (high - low));
  return t * t * (3 - 2 * t);
};

/** 1 below an edge at the height `top`, 0 above it, without a jagged border. */
const below = (top, y) => smooth(top - 0.002, top + 0.002, y);

/** Smooth noise from 0 to 1. */
function noise(x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const s = smooth(0, 1, x - column);
  const t = smooth(0, 1, y - row);
  return mix(
    mix(hash(column, row), hash(column + 1, row), s),
    mix(hash(column, row + 1), hash(column + 1, row + 1), s),
    t,
  );
}

/** Noise of several sizes. */
const clouds = (x, y) =>
  0.5 * noise(x, y) +
  0.25 * noise(2 * x + 7, 2 * y) +
  0.15 * noise(4 * x, 4 * y + 3) +
  0.1 * noise(9 * x + 1, 9 * y);

const blend = (one, other, t) => one.map((value, c) => mix(value, other[c], t));

/** A colour between those of `stops` ([position, colour], in order). */
function gradient(stops, at) {
  const next = stops.findIndex(([position]) => position >= at);
  if (next < 0) return stops.at(-1)[1];
  if (next === 0) return stops[0][1];
  const [low, from] = stops[next - 1];
  const [high, to] = stops[next];
  return blend(from, to, (at - low) / (high - low));
}

/** Paints each pixel: `colourAt(x, y)` with x and y in heights of the picture, x from its middle. */
function paint(width, height, colourAt) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const colour = colourAt((column + 0.5 - width / 2) / height, (row + 0.5) / height);
      data.set(colour, 4 * (row * width + column));
    }
  return { width, height, data };
}

const horizon = 0.6;
const sun = { x: 0.18, y: 0.5, radius: 0.075 };

const sky = [
  [0, [38, 28, 84]],
  [0.28, [112, 44, 116]],
  [0.5, [214, 84, 92]],
  [0.72, [250, 146, 72]],
  [0.9, [255, 206, 110]],
  [1, [255, 226, 150]],
];

function skyAt(x, y) {
  const far = Math.hypot(x - sun.x, y - sun.y);
  let colour = gradient(sky, clamp(y / horizon));
  colour = blend(colour, [255, 220, 130], 0.7 * Math.exp(-far * 4.5));
  const streaks = smooth(0.5, 0.72, clouds(x * 2.2 + 4, y * 13));
  const lit = blend([92, 34, 92], [255, 150, 96], smooth(0.05, 0.5, y));
  return blend(colour, lit, 0.75 * streaks * smooth(0.56, 0.3, y));
}

function withSun(colour, x, y) {
  const far = Math.hypot(x - sun.x, y - sun.y);
  return blend(colour, [255, 246, 206], smooth(sun.radius + 0.005, sun.radius - 0.005, far));
}

function islandAt(x) {
  const hill =
    Math.exp(-(((x + 0.52) / 0.24) ** 2)) * 0.12 + Math.exp(-(((x + 0.2) / 0.1) ** 2)) * 0.03;
  return horizon - hill - 0.012 * noise(x * 22, 1) * smooth(0, 0.03, hill);
}

function seaAt(x, y) {
  const depth = (y - horizon) / (1 - horizon);
  // Waves look flatter and closer together toward the horizon.
  const near = 0.03 + depth;
  const wave = clouds((x / near) * 1.3 + 9, 16 * Math.log(near) + 40);
  const mirrored = skyAt(x + (wave - 0.5) * 0.18, horizon - (y - horizon) * 1.35);
  let colour = blend(mirrored, [30, 26, 78], 0.36 + 0.36 * depth);
  colour = blend(colour, [20, 18, 60], 0.6 * smooth(0.5, 0.3, wave));
  const path = Math.exp(-(((x - sun.x) / (0.05 + 0.14 * depth)) ** 2));
  return blend(colour, [255, 206, 120], 0.9 * path * smooth(0.4, 0.58, wave));
}

/** A sunset at sea. */
export const sunset = (width = 480, height = 320) =>
  paint(width, height, (x, y) => {
    if (y > horizon) return seaAt(x, y);
    return blend(withSun(skyAt(x, y), x, y), [58, 26, 72], below(islandAt(x), y));
  });

/** Rows of trees from far to near: where they stand, how tall they are, firs' and larches' colours, mist. */
const rows = [
  {
    base: 0.5,
    hills: 0.1,
    tall: 0.12,
    apart: 0.035,
    fir: [122, 158, 160],
    larch: [176, 176, 140],
    mist: 0.8,
  },
  {
    base: 0.6,
    hills: 0.08,
    tall: 0.18,
    apart: 0.05,
    fir: [78, 128, 116],
    larch: [186, 162, 84],
    mist: 0.7,
  },
  {
    base: 0.72,
    hills: 0.06,
    tall: 0.27,
    apart: 0.08,
    fir: [38, 92, 70],
    larch: [202, 142, 44],
    mist: 0.55,
  },
  {
    base: 0.9,
    hills: 0.05,
    tall: 0.42,
    apart: 0.13,
    fir: [14, 52, 38],
    larch: [172, 92, 26],
    mist: 0,
  },
];

/** What stands above x in a row: the height of its top, the tree's colour, how far from its trunk x is. */
function treeAt({ base, hills, tall, apart, fir, larch }, x, row) {
  const ground = base + hills * (noise(x * 1.7 + 11 * row, row) - 0.5) * 2;
  const found = { top: ground, colour: fir, side: 0 };
  const middle = Math.round(x / apart);
  for (let k = middle - 2; k <= middle + 2; k++) {
    const centre = (k + 0.7 * (hash(k, row + 40) - 0.5)) * apart;
    const height = tall * (0.5 + 0.5 * hash(k, row + 80));
    const side = (x - centre) / (height * 0.27);
    const far = Math.abs(side);
    if (far >= 1) continue;
    // Branches in tiers: a tree is narrow at its tip and jagged at its edges.
    const top = ground - height * (1 - far - 0.09 * Math.abs(((far * 8) % 1) - 0.5));
    if (top < found.top)
      Object.assign(found, { top, colour: hash(k, row + 120) < 0.26 ? larch : fir, side });
  }
  return found;
}

const morning = [
  [0, [112, 166, 196]],
  [0.3, [190, 216, 210]],
  [0.55, [246, 238, 200]],
  [1, [226, 228, 196]],
];

/** A forest on a misty morning. */
export const forest = (width = 480, height = 320) =>
  paint(width, height, (x, y) => {
    let colour = gradient(morning, y);
    rows.forEach((row, i) => {
      const tree = treeAt(row, x, i);
      const cover = below(tree.top, y);
      if (cover === 0) return;
      const needles = 0.7 + 0.45 * clouds(x * 34, y * 26 + 9 * i) - 0.22 * tree.side;
      const mist = row.mist * smooth(row.base - 0.55 * row.tall, row.base + 0.04, y);
      const lit = tree.colour.map((value) => value * needles);
      colour = blend(colour, blend(lit, [236, 234, 204], mist), cover);
    });
    const floor = 0.88 + 0.05 * noise(x * 2.6, 5);
    if (y > floor) {
      const grass = smooth(0.25, 0.75, clouds(x * 26, y * 50));
      const leaves = smooth(0.56, 0.74, clouds(x * 9 + 5, y * 24));
      colour = blend([16, 40, 20], [118, 152, 42], grass);
      colour = blend(colour, [156, 88, 34], 0.75 * leaves);
    }
    const beams = smooth(0.5, 0.72, noise((x + 0.75 * y) * 5 + 3, 0.5)) * smooth(0.9, 0.1, y);
    return blend(colour, [255, 244, 196], 0.3 * beams);
  });
