/** f16 (IEEE binary16): 11 bits of significand, the lowest bit at least 2^-24, at most 65504. */

const view = new DataView(new ArrayBuffer(8));

/** The f16 nearest to `value`, ties to even; infinite from 65520. */
export function roundToHalf(value: number): number {
  view.setFloat64(0, value);
  const exponent = ((view.getUint32(0) >>> 20) & 2047) - 1023;
  if (exponent > 15) return Number.isNaN(value) ? value : Math.sign(value) * Infinity;
  // A sum near 1.5 * 2^52 units keeps whole units only. A zero keeps its sign.
  const shift = 1.5 * 2 ** (52 + Math.max(exponent - 10, -24));
  const rounded = value + shift - shift;
  if (Math.abs(rounded) > 65504) return Math.sign(value) * Infinity;
  return rounded === 0 ? value * 0 : rounded;
}
