/**
 * The palette of a picture: a grid over colours, and for each cell that has pixels their mean colour and
 * their share of the picture. A few hundred colours then stand for all pixels, and what is known of those
 * colours is carried over to the pixels between them.
 */

/** The box of OKLab in which all colours of a screen lie: least values and extents of L, a, b. */
const origin = [0, -0.4, -0.4];
const extent = [1, 0.8, 0.8];

/** The finest and the coarsest grid that is tried, as the edge of a cell. */
const finest = 1 / 80;
const coarsest = 1 / 2;

/**
 * @typedef {object} Palette
 * @property {Float32Array} colours L, a, b of each colour
 * @property {Float32Array} weights the share of each, together 1
 * @property {number} edge of a cell of the grid
 * @property {Int32Array} counts cells along L, a, b
 * @property {Int32Array} colourOf the colour of each cell, -1 where the picture has none
 */

const cellsAlong = (edge) => Int32Array.from(extent, (length) => Math.ceil(length / edge) + 1);

const clampCell = (x, count) => Math.min(Math.max(Math.floor(x), 0), count - 1);

/** The cell of each pixel that is there (alpha of a half or more), else -1. */
function cellsOf(lab, rgba, edge, counts) {
  const cells = new Int32Array(lab.length / 3).fill(-1);
  for (let p = 0; p < cells.length; p++) {
    if (rgba[4 * p + 3] < 128) continue;
    let cell = 0;
    for (let axis = 0; axis < 3; axis++)
      cell =
        cell * counts[axis] + clampCell((lab[3 * p + axis] - origin[axis]) / edge, counts[axis]);
    cells[p] = cell;
  }
  return cells;
}

/** Numbers the occupied cells in the order of the pixels; null if there are more than `most`. */
function numberCells(cells, total, most) {
  const colourOf = new Int32Array(total).fill(-1);
  let size = 0;
  for (const cell of cells) {
    if (cell < 0 || colourOf[cell] >= 0) continue;
    if (size === most) return null;
    colourOf[cell] = size++;
  }
  return { colourOf, size };
}

/**
 * The finest palette with at most `most` colours.
 *
 * @param {Float32Array} lab L, a, b of each pixel
 * @param {Uint8ClampedArray | Uint8Array} rgba the same pixels: their alpha says which are there
 * @param {number} most
 * @returns {Palette}
 * @throws Error for a picture without a pixel that shows
 */
export function paletteOf(lab, rgba, most) {
  for (let edge = finest; ; edge = Math.min(edge * 1.1, coarsest)) {
    const counts = cellsAlong(edge);
    const cells = cellsOf(lab, rgba, edge, counts);
    const numbered = numberCells(cells, counts[0] * counts[1] * counts[2], most);
    if (!numbered && edge < coarsest) continue;
    if (!numbered) throw new Error(`A palette of ${most} colours is too small: take 16 or more.`);
    const { colourOf, size } = numbered;
    if (size === 0) throw new Error("The picture is transparent everywhere: it has no colours.");
    const sums = new Float64Array(size * 3);
    const pixels = new Float64Array(size);
    let shown = 0;
    cells.forEach((cell, p) => {
      if (cell < 0) return;
      const k = colourOf[cell];
      for (let axis = 0; axis < 3; axis++) sums[3 * k + axis] += lab[3 * p + axis];
      pixels[k]++;
      shown++;
    });
    return {
      colours: Float32Array.from(sums, (sum, i) => sum / pixels[Math.floor(i / 3)]),
      weights: Float32Array.from(pixels, (count) => count / shown),
      edge,
      counts,
      colourOf,
    };
  }
}

/**
 * Between which colours of the palette each pixel lies: those of the eight cells around its colour that are occupied,
 * with trilinear weights that add up to 1. A pixel's own cell is one of the eight, so that a pixel that shows has one.
 *
 * @typedef {object} Between
 * @property {Int32Array} colours eight for each pixel
 * @property {Float32Array} weights eight for each pixel; 0 where a cell is empty
 */

/**
 * @param {Palette} palette
 * @param {Float32Array} lab the pixels
 * @returns {Between}
 */
export function between({ edge, counts, colourOf }, lab) {
  const pixels = lab.length / 3;
  const colours = new Int32Array(8 * pixels);
  const weights = new Float32Array(8 * pixels);
  const low = new Int32Array(3);
  const fraction = new Float64Array(3);
  for (let p = 0; p < pixels; p++) {
    for (let axis = 0; axis < 3; axis++) {
      const x = (lab[3 * p + axis] - origin[axis]) / edge - 0.5;
      low[axis] = Math.floor(x);
      fraction[axis] = x - low[axis];
    }
    let total = 0;
    for (let corner = 0; corner < 8; corner++) {
      let cell = 0;
      let weight = 1;
      for (let axis = 0; axis < 3; axis++) {
        const up = (corner >> axis) & 1;
        cell = cell * counts[axis] + clampCell(low[axis] + up, counts[axis]);
        weight *= up ? fraction[axis] : 1 - fraction[axis];
      }
      const k = colourOf[cell];
      if (k < 0) continue;
      colours[8 * p + corner] = k;
      weights[8 * p + corner] = weight;
      total += weight;
    }
    if (total > 0) for (let c = 8 * p; c < 8 * p + 8; c++) weights[c] /= total;
  }
  return { colours, weights };
}

/**
 * Carries a vector for each colour of a palette over to pixels.
 *
 * @param {Between} between
 * @param {Float32Array} vectors three numbers for each colour
 * @returns {Float32Array} three numbers for each pixel; zeros where no cell around it has a colour
 */
export function spread({ colours, weights }, vectors) {
  const result = new Float32Array((weights.length / 8) * 3);
  for (let p = 0, c = 0; p < result.length; p += 3)
    for (const end = c + 8; c < end; c++) {
      const weight = weights[c];
      if (weight === 0) continue;
      const k = 3 * colours[c];
      result[p] += weight * vectors[k];
      result[p + 1] += weight * vectors[k + 1];
      result[p + 2] += weight * vectors[k + 2];
    }
  return result;
}
