/** The float functions of the CPU executor keep the errors that docs/cpu-math.md states. */
import { describe, expect, test } from "vitest";
import { floatFunctions, frexp, modf } from "../../../src/cpu/math";
import { asFloats, floatSweep, laneLoop, mapLanes } from "./laneLoop";

const fround = Math.fround;

/** The reference in f64, and the largest error allowed, in units in the last place. */
const oneArgument: Readonly<Record<string, readonly [(x: number) => number, number]>> = {
  exp: [Math.exp, 1],
  exp2: [(x) => 2 ** x, 1.1],
  log: [Math.log, 0.9],
  log2: [Math.log2, 1.5],
  sin: [Math.sin, 1.6],
  cos: [Math.cos, 1.6],
  tan: [Math.tan, 0.51],
  asin: [Math.asin, 0.51],
  acos: [Math.acos, 0.51],
  atan: [Math.atan, 0.51],
  sinh: [Math.sinh, 0.51],
  cosh: [Math.cosh, 0.51],
  tanh: [Math.tanh, 1.4],
  asinh: [Math.asinh, 0.51],
  acosh: [Math.acosh, 0.51],
  atanh: [Math.atanh, 0.51],
  inverseSqrt: [(x) => 1 / Math.sqrt(x), 1.5],
  radians: [(x) => (x * Math.PI) / 180, 0.8],
  degrees: [(x) => (x * 180) / Math.PI, 0.8],
};

/** To the nearest whole number with its sign, halves to the even one. */
const nearest = (x: number): number => {
  const size = Math.abs(x);
  const half = size % 2 === 0.5;
  const whole = half ? Math.floor(size) : Math.round(size);
  return x < 0 || Object.is(x, -0) ? -whole : whole;
};

const exactOneArgument: Readonly<Record<string, (x: number) => number>> = {
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: nearest,
  abs: Math.abs,
  sign: Math.sign,
  fract: (x) => x - Math.floor(x),
  saturate: (x) => (x < 0 ? 0 : x > 1 ? 1 : x),
};

/** x^y by IEEE 754-2019 (9.2.1); JavaScript has NaN where the base is 1 or -1. */
const power = (x: number, y: number): number =>
  x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY) ? 1 : x ** y;

const bound = new Float32Array(1);
const boundBits = new Uint32Array(bound.buffer);
/** Between the f32 numbers beside y. */
function unitInLastPlace(y: number): number {
  bound[0] = Math.min(Math.abs(y), 2 ** 127);
  return 2 ** (Math.max(boundBits[0]! >>> 23, 1) - 150);
}

/** The error, infinite where one is NaN, infinite or of another sign and the other should be so too. */
function error(result: number, y: number): number {
  if (Object.is(result, fround(y))) return 0;
  const otherZero = result === 0 && (1 / result) * (1 / y) < 0;
  if (Number.isNaN(result) || Number.isNaN(y) || result === -y || otherZero)
    return Number.POSITIVE_INFINITY;
  // Infinity stands where the number after the largest would.
  const finite = Math.max(Math.min(result, 2 ** 128), -(2 ** 128));
  return Math.abs(finite - y) / unitInLastPlace(y);
}

function largestError(results: Float32Array, reference: (i: number) => number) {
  let worst = { error: 0, index: 0 };
  for (let i = 0; i < results.length; i++) {
    const e = error(results[i]!, reference(i));
    if (!(e <= worst.error)) worst = { error: e, index: i };
  }
  return worst;
}

const sweep = floatSweep(9973, 500);

describe("over all of f32", () => {
  test.each(Object.entries(oneArgument))("%s keeps its error", (name, [reference, ulps]) => {
    const results = asFloats(mapLanes(floatFunctions[name]!, sweep));
    const worst = largestError(results, (i) => reference(sweep[i]!));
    expect(worst.error, `of ${name}(${sweep[worst.index]})`).toBeLessThanOrEqual(ulps);
  });

  test.each(Object.entries(exactOneArgument))("%s is exact", (name, reference) => {
    const results = asFloats(mapLanes(floatFunctions[name]!, sweep));
    const wrong = results.findIndex((y, i) => !Object.is(y, fround(reference(sweep[i]!))));
    expect(wrong, `of ${name}(${sweep[wrong]})`).toBe(-1);
  });

  test("frexp gives a fraction in [1/2, 1) and the exponent that make the number", () => {
    const fractions = asFloats(mapLanes((b, x) => frexp(b, x)[0], sweep));
    const exponents = new Int32Array(mapLanes((b, x) => frexp(b, x)[1], sweep));
    const wrong = sweep.findIndex((x, i) => {
      const fraction = fractions[i]!;
      if (x === 0 || !Number.isFinite(x)) return !Object.is(fraction, x) || exponents[i] !== 0;
      const size = Math.abs(fraction);
      return fraction * 2 ** exponents[i]! !== x || size < 0.5 || size >= 1;
    });
    expect(wrong, `of frexp(${sweep[wrong]})`).toBe(-1);
  });

  test("modf gives parts of the sign of the number that add up to it", () => {
    const finite = sweep.filter(Number.isFinite);
    const fractions = asFloats(mapLanes((b, x) => modf(b, x)[0], finite));
    const wholes = asFloats(mapLanes((b, x) => modf(b, x)[1], finite));
    const wrong = finite.findIndex(
      (x, i) => wholes[i] !== Math.trunc(x) || fractions[i] !== x - Math.trunc(x),
    );
    expect(wrong, `of modf(${finite[wrong]})`).toBe(-1);
  });
});

/** Reproducible numbers in [0, 1). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}

const special = [
  0,
  1,
  2,
  3,
  0.5,
  2.5,
  2 ** 24,
  2 ** 23 + 1,
  2 ** -149,
  3e38,
  1 + 2 ** -23,
  1 - 2 ** -24,
  Number.POSITIVE_INFINITY,
].flatMap((x) => [x, -x]);
special.push(Number.NaN);

/** Pairs of notable numbers, of any bits, and with results that f32 holds. */
function pairs(near: (random: () => number) => readonly [number, number]) {
  const random = uniform(1);
  const list: (readonly [number, number])[] = special.flatMap((x) =>
    special.map((y) => [x, y] as const),
  );
  const bits = new Uint32Array(2);
  const floats = new Float32Array(bits.buffer);
  for (let i = 0; i < 50_000; i++) {
    bits[0] = random() * 2 ** 32;
    bits[1] = random() * 2 ** 32;
    list.push([floats[0]!, floats[1]!], near(random));
  }
  return [Float32Array.from(list, (p) => p[0]), Float32Array.from(list, (p) => p[1])] as const;
}

describe("of two arguments", () => {
  test("pow keeps its error, with the special cases of IEEE 754", () => {
    const [x, y] = pairs((random) => {
      const base = fround(Math.exp(20 * random() - 10));
      return [base, ((2 * random() - 1) * 103) / Math.log(base)];
    });
    const results = asFloats(mapLanes(floatFunctions["pow"]!, x, y));
    const worst = largestError(results, (i) => power(x[i]!, y[i]!));
    const at = `of pow(${x[worst.index]}, ${y[worst.index]})`;
    expect(worst.error, at).toBeLessThanOrEqual(0.51);
  });

  test("pow keeps its error for bases near 1 with large exponents", () => {
    const random = uniform(2);
    const x = Float32Array.from({ length: 50_000 }, () => 1 + (random() - 0.5) / 1000);
    const y = x.map((base) => ((2 * random() - 1) * 103) / Math.log(base));
    const results = asFloats(mapLanes(floatFunctions["pow"]!, x, y));
    const worst = largestError(results, (i) => power(x[i]!, y[i]!));
    const at = `of pow(${x[worst.index]}, ${y[worst.index]})`;
    expect(worst.error, at).toBeLessThanOrEqual(0.51);
  });

  test("whole powers of small whole numbers are exact", () => {
    const x = Float32Array.from({ length: 21 * 6 }, (_, i) => (i % 21) - 10);
    const y = Float32Array.from(x, (_, i) => Math.floor(i / 21));
    expect([...asFloats(mapLanes(floatFunctions["pow"]!, x, y))]).toEqual(
      [...x].map((base, i) => base ** y[i]!),
    );
  });

  test("atan2 keeps its error, in all quadrants and for signed zeros and infinities", () => {
    const [y, x] = pairs((random) => [2 * random() - 1, 2 * random() - 1]);
    const results = asFloats(mapLanes(floatFunctions["atan2"]!, y, x));
    const worst = largestError(results, (i) => Math.atan2(y[i]!, x[i]!));
    const at = `of atan2(${y[worst.index]}, ${x[worst.index]})`;
    expect(worst.error, at).toBeLessThanOrEqual(0.51);
  });

  test("ldexp rounds once, over the whole range of exponents", () => {
    const random = uniform(3);
    const exponents = Int32Array.from(sweep, () => 700 * random() - 350);
    exponents[0] = 0x7fffffff;
    exponents[1] = -0x80000000;
    const results = asFloats(mapLanes(floatFunctions["ldexp"]!, sweep, exponents));
    const wrong = results.findIndex(
      (y, i) =>
        !Object.is(y, fround(sweep[i]! * 2 ** Math.max(-400, Math.min(exponents[i]!, 400)))),
    );
    expect(wrong, `of ldexp(${sweep[wrong]}, ${exponents[wrong]})`).toBe(-1);
  });

  test("min and max give the first operand where the second is not beyond it", () => {
    const [x, y] = pairs((random) => [random(), random()]);
    const min = asFloats(mapLanes(floatFunctions["min"]!, x, y));
    const max = asFloats(mapLanes(floatFunctions["max"]!, x, y));
    expect(min.findIndex((z, i) => !Object.is(z, y[i]! < x[i]! ? y[i] : x[i]))).toBe(-1);
    expect(max.findIndex((z, i) => !Object.is(z, x[i]! < y[i]! ? y[i] : x[i]))).toBe(-1);
  });
});

describe("formulas of WGSL, rounded after each operation", () => {
  const random = uniform(4);
  const numbers = () => Float32Array.from({ length: 1000 }, () => 8 * random() - 4);
  const [x, y, z] = [numbers(), numbers(), numbers()];
  test.each<[string, (x: number, y: number, z: number) => number]>([
    ["fma", (x, y, z) => fround(x * y) + z],
    ["mix", (x, y, z) => fround(x * fround(1 - z)) + fround(y * z)],
    ["clamp", (x, y, z) => Math.min(Math.max(x, y), z)],
    [
      "smoothstep",
      (x, y, z) => {
        const t = Math.min(Math.max(fround(fround(z - x) / fround(y - x)), 0), 1);
        return fround(t * t) * fround(3 - fround(2 * t));
      },
    ],
  ])("%s", (name, reference) => {
    const results = asFloats(mapLanes(floatFunctions[name]!, x, y, z));
    expect([...results]).toEqual([...x].map((_, i) => fround(reference(x[i]!, y[i]!, z[i]!))));
  });

  test("step is 1 from the edge on", () => {
    const results = asFloats(
      mapLanes(
        floatFunctions["step"]!,
        Float32Array.of(1, 1, 1, Number.NaN),
        Float32Array.of(0.5, 1, 2, 0),
      ),
    );
    expect([...results]).toEqual([0, 1, 1, 0]);
  });
});

const arity = (name: string): number =>
  name in oneArgument || name in exactOneArgument || name === "quantizeToF16"
    ? 1
    : ["fma", "mix", "clamp", "smoothstep"].includes(name)
      ? 3
      : 2;

describe("the same bits", () => {
  const few = floatSweep(9_999_991, 20);
  const rotated = (x: Float32Array, by: number) => x.map((_, i) => x[(i + by) % x.length]!);
  const args = (name: string) => Array.from({ length: arity(name) }, (_, k) => rotated(few, 7 * k));
  const withOneNaN = (bits: Uint32Array) =>
    bits.map((x) => ((x << 1) >>> 0 > 0xff000000 ? 0x7fc00000 : x));

  test.each(Object.keys(floatFunctions))("%s of a lane does not depend on the others", (name) => {
    const f = floatFunctions[name]!;
    const together = withOneNaN(mapLanes(f, ...args(name)));
    const length = few.length;
    const loop = laneLoop(arity(name), 4 * length, f);
    for (const [k, arg] of args(name).entries())
      for (let i = 0; i < length; i++) asFloats(loop.inputs[k]!).fill(arg[i]!, 4 * i, 4 * i + 4);
    loop.run();
    const alone = withOneNaN(loop.output).filter((_, i) => i % 4 === 0);
    expect(alone).toEqual(together);
  });

  test("on every machine", () => {
    const digest = (bits: Uint32Array): string => {
      let hash = 0x811c9dc5;
      for (const word of bits) hash = Math.imul(hash ^ word, 0x01000193) ^ (hash >>> 15);
      return (hash >>> 0).toString(16).padStart(8, "0");
    };
    const digests = Object.keys(floatFunctions)
      .sort()
      .map(
        (name) => `${name} ${digest(withOneNaN(mapLanes(floatFunctions[name]!, ...args(name))))}`,
      );
    expect(digests.join("\n")).toMatchInlineSnapshot(`
      "abs 35113067
      acos 0f5aca39
      acosh 31ca6be6
      asin 7eac8a02
      asinh 19e493e5
      atan 25b449d0
      atan2 229a7d1c
      atanh 59737f4b
      ceil 74d900c5
      clamp 56b7d45b
      cos 01eff7aa
      cosh dd1c76f8
      degrees f132bd1d
      exp 33ad2d8f
      exp2 d5af43eb
      floor 907b16b5
      fma c87e1a07
      fract 2df907a7
      inverseSqrt 1822ec83
      ldexp 3476c970
      log 4787c8f6
      log2 f5598c61
      max e7474bfd
      min 914902da
      mix 423b44af
      pow a5d625ec
      quantizeToF16 f59567e0
      radians e5064715
      round 4aaeb558
      saturate 44b04bd0
      sign 73a8d99b
      sin fab9a6db
      sinh bb853ada
      smoothstep 949734b7
      sqrt fd342138
      step 03b5eb55
      tan 1d613754
      tanh 4c894e48
      trunc 5f7a4ad4"
    `);
  });
});
