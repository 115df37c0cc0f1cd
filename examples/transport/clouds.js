/**
 * Clouds of points in the unit square (y points down, as on a screen): named shapes, what is dark in a
 * picture, and strokes of a pen. Points of a shape are evenly spread and the same on every run: they are
 * those of a sequence with low discrepancy that lie inside.
 */

/** Roberts' R2 sequence: "The Unreasonable Effectiveness of Quasirandom Sequences", 2018. */
const plastic = 1.324717957244746;
const r2 = (k) => [(0.5 + k / plastic) % 1, (0.5 + k / plastic ** 2) % 1];

const wave = (x) => Math.sin(2 * Math.PI * x);

/** Angle from 0 to 1 (0 is up, clockwise) and distance of a point from the centre of the square. */
function polar(x, y) {
  const angle = Math.atan2(x - 0.5, 0.5 - y) / (2 * Math.PI);
  return { angle: (angle + 1) % 1, radius: Math.hypot(x - 0.5, y - 0.5) };
}

const within = (value, low, high) => value >= low && value <= high;

/** Which points belong to a shape. */
const insides = {
  disc: (x, y) => polar(x, y).radius <= 0.3,
  ring: (x, y) => within(polar(x, y).radius, 0.28, 0.38),
  square: (x, y) => within(x, 0.22, 0.78) && within(y, 0.22, 0.78),
  star: (x, y) => {
    const { angle, radius } = polar(x, y);
    // The edge between a tip, at 0.42 from the centre, and the notch beside it, at 0.42 cos 72° / cos 36°.
    const turn = Math.abs(((angle * 5 + 0.5) % 1) - 0.5) * ((2 * Math.PI) / 5);
    const edge = 0.42 * Math.cos((2 * Math.PI) / 5);
    return radius * Math.cos((2 * Math.PI) / 5 - turn) <= edge;
  },
  heart: (x, y) => {
    const u = (x - 0.5) * 3.1;
    const v = (0.53 - y) * 3.1;
    return (u * u + v * v - 1) ** 3 <= u * u * v ** 3;
  },
  spiral: (x, y) => {
    const { angle, radius } = polar(x, y);
    // Two arms that begin at 0.05 from the centre and grow by 0.16 a turn.
    const arm = (((radius - 0.05) / 0.16 - angle) * 2) % 2;
    return within(radius, 0.05, 0.4) && Math.abs(Math.abs(arm) - 1) > 0.62;
  },
  waves: (x, y) =>
    within(x, 0.08, 0.92) &&
    [0.28, 0.5, 0.72].some((middle) => Math.abs(y - middle - 0.06 * wave(x * 2)) < 0.035),
  "two moons": (x, y) => {
    const upper = Math.hypot(x - 0.38, y - 0.56);
    const lower = Math.hypot(x - 0.62, y - 0.44);
    return (within(upper, 0.21, 0.3) && y < 0.56) || (within(lower, 0.21, 0.3) && y > 0.44);
  },
};

/** The names of the shapes. */
export const shapes = Object.keys(insides);

/** The first `count` points of the sequence that are inside. */
function spreadInside(inside, count) {
  const points = new Float32Array(2 * count);
  for (let k = 0, found = 0; found < count; k++) {
    const [x, y] = r2(k);
    if (inside(x, y)) points.set([x, y], 2 * found++);
  }
  return points;
}

/**
 * @param {string} name one of `shapes`
 * @param {number} count
 * @returns {Float32Array} x and y of each point
 * @throws Error for a name that is none
 */
export function shapeCloud(name, count) {
  const inside = insides[name];
  if (!inside) throw new Error(`There is no shape "${name}". There are: ${shapes.join(", ")}.`);
  return spreadInside(inside, count);
}

/** How much of a pixel is ink, 0 to 1: what is opaque and dark. */
const inkOf = (data, p) => {
  const brightness =
    (0.299 * data[4 * p] + 0.587 * data[4 * p + 1] + 0.114 * data[4 * p + 2]) / 255;
  return (1 - brightness) * (data[4 * p + 3] / 255);
};

/**
 * What is dark in a picture, as a cloud: a word, a silhouette. The picture is fitted into the square.
 *
 * @param {import("./colourTransfer.js").Picture} picture
 * @param {number} count
 * @returns {Float32Array} x and y of each point
 * @throws Error for a picture with less than 0.1 % of dark pixels
 */
export function pictureCloud({ width, height, data }, count) {
  let dark = 0;
  for (let p = 0; p < width * height; p++) if (inkOf(data, p) >= 0.5) dark++;
  if (dark < 1 || dark < width * height * 1e-3)
    throw new Error("The picture has almost no dark pixels: a cloud is made of those.");
  const side = Math.max(width, height) / 0.9;
  return spreadInside((x, y) => {
    const column = Math.floor(width / 2 + (x - 0.5) * side);
    const row = Math.floor(height / 2 + (y - 0.5) * side);
    const outside = column < 0 || row < 0 || column >= width || row >= height;
    return !outside && inkOf(data, row * width + column) >= 0.5;
  }, count);
}

/**
 * Points along strokes, evenly by length and across the width of the pen.
 *
 * @param {readonly (readonly (readonly [number, number])[])[]} strokes x and y of the pen in the unit square
 * @param {number} count
 * @param {number} [pen] its width; default 0.04
 * @returns {Float32Array} x and y of each point
 * @throws Error without a stroke
 */
export function strokeCloud(strokes, count, pen = 0.04) {
  const pieces = strokes.flatMap((stroke) =>
    stroke.length === 1
      ? [{ from: stroke[0], to: stroke[0], length: pen }]
      : stroke.slice(1).map((to, i) => ({
          from: stroke[i],
          to,
          length: Math.hypot(to[0] - stroke[i][0], to[1] - stroke[i][1]),
        })),
  );
  const whole = pieces.reduce((sum, { length }) => sum + length, 0);
  if (whole === 0) throw new Error("Nothing is drawn yet.");
  const points = new Float32Array(2 * count);
  let piece = 0;
  let before = 0;
  for (let k = 0; k < count; k++) {
    const at = ((k + 0.5) / count) * whole;
    while (piece < pieces.length - 1 && at > before + pieces[piece].length)
      before += pieces[piece++].length;
    const { from, to, length } = pieces[piece];
    const along = length === 0 ? 0 : Math.min((at - before) / length, 1);
    const [turn, far] = r2(k);
    const radius = (pen / 2) * Math.sqrt(far);
    points[2 * k] = from[0] + (to[0] - from[0]) * along + radius * wave(turn);
    points[2 * k + 1] = from[1] + (to[1] - from[1]) * along + radius * wave(turn + 0.25);
  }
  return points;
}
