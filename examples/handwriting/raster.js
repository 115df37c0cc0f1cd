/**
 * Strokes of a pen as pictures of 28 × 28 pixels, placed as in MNIST: the ink fits a square of 20 pixels, its centre of
 * mass is the centre of the picture. What is generated and what is drawn come to the network through here alike.
 *
 * A stroke is an array of points [x, y] with y downwards, in any unit.
 *
 * LeCun, Cortes, Burges, "The MNIST database of handwritten digits": the placing.
 */

/** Pixels along an edge. */
export const side = 28;

/** Pixels of a picture. */
export const pixels = side * side;

/** Pixels of the square that holds the ink. */
const inkSide = 20;

/** The pen of drawings, in pixels of the picture. */
export const usualPen = 2.6;

/** The smallest box around the points: [left, top, right, bottom]. */
function boxOf(strokes) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of strokes.flat()) {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
  return box;
}

/** Strokes turned to pixels, so that the ink of a pen fits the square in the middle. */
function fitted(strokes, pen) {
  const [left, top, right, bottom] = boxOf(strokes);
  const scale = (inkSide - pen) / Math.max(right - left, bottom - top, 1e-9);
  const x0 = side / 2 - (scale * (left + right)) / 2;
  const y0 = side / 2 - (scale * (top + bottom)) / 2;
  return strokes.map((stroke) => stroke.map(([x, y]) => [x0 + scale * x, y0 + scale * y]));
}

/** Squared distance of (x, y) from the segment between two points. */
function squaredDistance(x, y, [ax, ay], [bx, by]) {
  const dx = bx - ax;
  const dy = by - ay;
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((x - ax) * dx + (y - ay) * dy) / length;
  const t = Math.min(Math.max(along, 0), 1);
  return (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2;
}

/** Adds the ink of a segment: what a disc that moves along it covers, with an edge one pixel soft. */
function paint(image, from, to, pen) {
  const reach = pen / 2 + 0.5;
  const first = (a, b) => Math.max(Math.ceil(Math.min(a, b) - reach - 0.5), 0);
  const last = (a, b) => Math.min(Math.floor(Math.max(a, b) + reach - 0.5), side - 1);
  for (let row = first(from[1], to[1]); row <= last(from[1], to[1]); row++)
    for (let column = first(from[0], to[0]); column <= last(from[0], to[0]); column++) {
      const distance = Math.sqrt(squaredDistance(column + 0.5, row + 0.5, from, to));
      const ink = Math.min(reach - distance, 1);
      const at = row * side + column;
      if (ink > image[at]) image[at] = ink;
    }
}

/** The centre of mass of thin strokes, all equally heavy for their length; of a dot, the dot. */
function centreOf(strokes) {
  let [mass, x, y] = [0, 0, 0];
  for (const stroke of strokes)
    for (let i = 0; i < stroke.length; i++) {
      const [ax, ay] = stroke[Math.max(i - 1, 0)];
      const [bx, by] = stroke[i];
      const length = Math.hypot(bx - ax, by - ay) + 1e-6;
      mass += length;
      x += (length * (ax + bx)) / 2;
      y += (length * (ay + by)) / 2;
    }
  return [x / mass, y / mass];
}

/**
 * The picture of strokes.
 *
 * @param {readonly (readonly (readonly [number, number])[])[]} strokes at least one point
 * @param {number} [pen] its width in pixels of the picture, less than 20
 * @returns {Float32Array} [28 × 28] row by row, 0 (paper) to 1 (ink)
 */
export function pictureOf(strokes, pen = usualPen) {
  const placed = fitted(strokes, pen);
  const [x0, y0] = centreOf(placed);
  const image = new Float32Array(pixels);
  for (const stroke of placed) {
    const moved = stroke.map(([x, y]) => [x - x0 + side / 2, y - y0 + side / 2]);
    moved.forEach((point, i) => {
      paint(image, moved[Math.max(i - 1, 0)], point, pen);
    });
  }
  return image;
}
