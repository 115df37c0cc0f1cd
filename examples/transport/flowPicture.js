/**
 * Draws a flow into pixels: the target as faint dots, the ways of the particles as thin trails, and the
 * particles as discs. A particle keeps its colour, so that one sees where each went.
 */
import { toRgba } from "./colourSpace.js";

/**
 * @typedef {object} Theme
 * @property {readonly number[]} paper red, green, blue, as bytes
 * @property {readonly number[]} ink of the target's dots
 * @property {number} lightness of the particles, in OKLab
 */

/** @type {Record<"light" | "dark", Theme>} */
export const themes = {
  light: { paper: [255, 255, 255], ink: [120, 128, 146], lightness: 0.62 },
  dark: { paper: [16, 18, 24], ink: [128, 136, 155], lightness: 0.76 },
};

/** Strengths of what is drawn below the particles. */
const targetAlpha = 0.28;
const trailAlpha = 0.2;

/** A hue for each direction from the middle of the cloud. */
function hues(positions, lightness) {
  const n = positions.length / 2;
  let x = 0;
  let y = 0;
  for (let k = 0; k < n; k++) {
    x += positions[2 * k] / n;
    y += positions[2 * k + 1] / n;
  }
  const lab = new Float32Array(3 * n);
  for (let k = 0; k < n; k++) {
    const angle = Math.atan2(positions[2 * k + 1] - y, positions[2 * k] - x);
    lab.set([lightness, 0.13 * Math.cos(angle), 0.13 * Math.sin(angle)], 3 * k);
  }
  return toRgba(lab);
}

/** The pixels of one flow. */
export class FlowPicture {
  /**
   * @param {number} size width and height in pixels
   * @param {Theme} theme
   * @param {Float32Array} start x and y of each particle, in the unit square
   */
  constructor(size, theme, start) {
    this.width = size;
    this.height = size;
    this.theme = theme;
    this.positions = start;
    this.colours = hues(start, theme.lightness);
    this.radius = Math.min(Math.max(0.15 / Math.sqrt(start.length / 2), 0.003), 0.014) * size;
    this.aim(new Float32Array(0));
  }

  /**
   * Shows another target, and takes the trails away.
   * @param {Float32Array} target x and y of each point
   */
  aim(target) {
    this.below = new Uint8ClampedArray(4 * this.width * this.height).fill(255);
    for (let p = 0; p < this.below.length; p += 4) this.below.set(this.theme.paper, p);
    const dot = Math.max(this.radius * 0.6, 0.8);
    for (let k = 0; k < target.length; k += 2)
      this.disc(this.below, target[k], target[k + 1], dot, this.theme.ink, targetAlpha);
  }

  /** A disc with soft edges around a point of the unit square. */
  disc(pixels, x, y, radius, colour, alpha) {
    const size = this.width;
    const column = x * size;
    const row = y * size;
    const top = Math.max(Math.floor(row - radius - 0.5), 0);
    const bottom = Math.min(Math.ceil(row + radius + 0.5), size);
    const left = Math.max(Math.floor(column - radius - 0.5), 0);
    const right = Math.min(Math.ceil(column + radius + 0.5), size);
    for (let i = top; i < bottom; i++)
      for (let j = left; j < right; j++) {
        const far = Math.hypot(j + 0.5 - column, i + 0.5 - row);
        const cover = alpha * Math.min(Math.max(radius + 0.5 - far, 0), 1);
        const p = 4 * (i * size + j);
        for (let c = 0; c < 3; c++) pixels[p + c] += (colour[c] - pixels[p + c]) * cover;
      }
  }

  /**
   * Moves the particles.
   * @param {Float32Array} positions where they are now
   * @param {boolean} [trails] whether their ways are drawn; default true
   */
  move(positions, trails = true) {
    const { width: size, positions: before, below } = this;
    this.positions = positions;
    if (!trails) return;
    for (let k = 0; k < positions.length; k += 2) {
      const x = before[k];
      const y = before[k + 1];
      const across = positions[k] - x;
      const down = positions[k + 1] - y;
      const stamps = Math.ceil(Math.hypot(across, down) * size);
      const colour = this.colours.subarray(2 * k, 2 * k + 3);
      for (let s = 1; s <= stamps; s++) {
        const part = s / stamps;
        this.disc(below, x + across * part, y + down * part, 0.5, colour, trailAlpha);
      }
    }
  }

  /** @returns {Uint8ClampedArray} the pixels as they are now, RGBA */
  pixels() {
    const pixels = this.below.slice();
    const { positions, colours, radius } = this;
    for (let k = 0; k < positions.length; k += 2)
      this.disc(
        pixels,
        positions[k],
        positions[k + 1],
        radius,
        colours.subarray(2 * k, 2 * k + 3),
        0.95,
      );
    return pixels;
  }
}
