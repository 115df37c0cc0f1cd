/** f16 values as the numbers they are, and as their 16 bits (IEEE 754 binary16). */

export const maxF16 = 65504;

/** The exponent of a normal f16 near x; subnormals share that of the least normal one. */
const exponentOf = (x: number): number => Math.max(-14, Math.floor(Math.log2(Math.abs(x))));

/** The nearest integer, ties to even. */
export function roundEven(x: number): number {
  return Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

/** The nearest f16, ties to even; infinite from 65520 on. */
export function roundF16(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const steps = 2 ** (exponentOf(x) - 10);
  const rounded = roundEven(x / steps) * steps;
  return Math.abs(rounded) > maxF16 ? Math.sign(x) * Infinity : rounded;
}

/** The bits of a finite f16. */
export function f16Bits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const e = exponentOf(x);
  // Counting the leading bit of a normal number into the exponent: 2^10 is one step of it.
  return sign + Math.abs(x) / 2 ** (e - 10) + (e + 14) * 1024;
}

export function f16FromBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction : fraction + 1024) * 2 ** (Math.max(exponent, 1) - 25);
}
