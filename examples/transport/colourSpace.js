/**
 * OKLab, a space in which the distance between two colours is about how different they look: lightness L
 * from 0 to 1, and a (green to red), b (blue to yellow) within ±0.4.
 * Björn Ottosson, "A perceptual color space for image processing", 2020.
 */

/** Light of an sRGB byte, 0 to 1 (IEC 61966-2-1). */
const light = Float64Array.from({ length: 256 }, (_, byte) => {
  const x = byte / 255;
  return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
});

/** The byte for an amount of light, in steps that are a fifth of a byte where bytes are closest. */
const steps = 2 ** 14;
const bytes = Uint8Array.from({ length: steps + 1 }, (_, i) => {
  const x = i / steps;
  return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
});

/** The inverse of `light`; what no screen can show becomes the nearest that it can. */
const toByte = (x) => bytes[Math.round(steps * Math.min(Math.max(x, 0), 1))];

/**
 * @param {Uint8ClampedArray | Uint8Array} rgba pixels, four bytes each
 * @returns {Float32Array} L, a, b of each pixel
 */
export function toOklab(rgba) {
  const lab = new Float32Array((rgba.length / 4) * 3);
  for (let i = 0, o = 0; i < rgba.length; i += 4, o += 3) {
    const red = light[rgba[i]];
    const green = light[rgba[i + 1]];
    const blue = light[rgba[i + 2]];
    const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
    const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
    const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
    lab[o] = 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
    lab[o + 1] = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
    lab[o + 2] = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  }
  return lab;
}

const cube = (x) => x * x * x;

/**
 * @param {ArrayLike<number>} lab L, a, b of each pixel
 * @returns {Uint8ClampedArray} opaque pixels, four bytes each
 */
export function toRgba(lab) {
  const rgba = new Uint8ClampedArray((lab.length / 3) * 4).fill(255);
  for (let i = 0, o = 0; i < lab.length; i += 3, o += 4) {
    const l = cube(lab[i] + 0.3963377774 * lab[i + 1] + 0.2158037573 * lab[i + 2]);
    const m = cube(lab[i] - 0.1055613458 * lab[i + 1] - 0.0638541728 * lab[i + 2]);
    const s = cube(lab[i] - 0.0894841775 * lab[i + 1] - 1.291485548 * lab[i + 2]);
    rgba[o] = toByte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
    rgba[o + 1] = toByte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
    rgba[o + 2] = toByte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  }
  return rgba;
}
