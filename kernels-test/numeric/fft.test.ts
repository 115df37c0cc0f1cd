/** Fourier, cosine and Walsh-Hadamard transforms: any length, accuracy, conventions, and what is refused. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import * as tg from "../../src/node";
import { expectThrows } from "../harness";
import { normals } from "../samples";

let device: tg.Device;

beforeAll(async () => {
  device = await tg.init();
});
afterAll(() => device.destroy());

/** In f64, by recursion where the length is even and by definition where it is odd. */
function reference(re: ArrayLike<number>, im: ArrayLike<number>): [Float64Array, Float64Array] {
  const n = re.length;
  const out: [Float64Array, Float64Array] = [new Float64Array(n), new Float64Array(n)];
  const root = (k: number, m: number): [number, number] => [
    Math.cos((2 * Math.PI * (k % m)) / m),
    -Math.sin((2 * Math.PI * (k % m)) / m),
  ];
  if (n % 2 === 1) {
    for (let k = 0; k < n; k++)
      for (let j = 0; j < n; j++) {
        const [c, s] = root(j * k, n);
        out[0][k]! += re[j]! * c - im[j]! * s;
        out[1][k]! += re[j]! * s + im[j]! * c;
      }
    return out;
  }
  const half = (from: number, x: ArrayLike<number>) =>
    Float64Array.from({ length: n / 2 }, (_, i) => x[2 * i + from]!);
  const even = reference(half(0, re), half(0, im));
  const odd = reference(half(1, re), half(1, im));
  for (let k = 0; k < n; k++) {
    const i = k % (n / 2);
    const [c, s] = root(k, n);
    out[0][k] = even[0][i]! + odd[0][i]! * c - odd[1][i]! * s;
    out[1][k] = even[1][i]! + odd[0][i]! * s + odd[1][i]! * c;
  }
  return out;
}

test.each([1, 97, 1009, 2002, 2187, 4096, 65536])(
  "a transform of length %i is good to 1e-6 of its root mean square",
  async (n) => {
    const [re, im] = [normals(n, 1), normals(n, 2)];
    const y = tg.scope(() => tg.fft.fft({ real: tg.tensor(re), imag: tg.tensor(im) }));
    const found = await tg.readAll([y.real, y.imag]);
    const expected = reference(re, im);
    let worst = 0;
    for (const part of [0, 1] as const)
      for (let k = 0; k < n; k++)
        worst = Math.max(worst, Math.abs(found[part]![k]! - expected[part][k]!));
    // Of n normal numbers each result has a root mean square of √n in either part.
    expect(worst / Math.sqrt(n)).toBeLessThan(1e-6 * Math.max(Math.log2(n), 1));
    for (const t of [y.real, y.imag]) t.dispose();
  },
);

test("the inverse transform of the transform is the original, at every length and norm", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom("backward", "forward", "ortho"),
      async (n, rows, norm) => {
        const values = normals(n * rows, n);
        const back = tg.scope(() => {
          const x = tg.tensor(values, { shape: [rows, n] });
          const complex = tg.fft.ifft(tg.fft.fft(x, { norm }), { norm });
          const real = tg.fft.irfft(tg.fft.rfft(x, { norm }), { norm, n });
          const cosines = [2, 3].map((type) =>
            tg.fft.idct(tg.fft.dct(x, { norm, type: type as 2 | 3 }), {
              norm,
              type: type as 2 | 3,
            }),
          );
          return [complex.real, real, ...cosines].map((t) => tg.contiguous(t));
        });
        const read = await tg.readAll(back);
        for (const t of back) t.dispose();
        for (const data of read)
          data.forEach((v, i) => {
            expect(Math.abs(v - values[i]!)).toBeLessThan(2e-5);
          });
      },
    ),
    { numRuns: 25, seed: 5 },
  );
});

test("sequency order counts sign changes", async () => {
  const rows = tg.scope(() => tg.fft.hadamardTransform(tg.eye(8), { order: "sequency", dim: 0 }));
  const data = await rows.data();
  const changes = Array.from({ length: 8 }, (_, i) => {
    const row = [...data.slice(8 * i, 8 * i + 8)];
    return row.slice(1).filter((v, j) => v !== row[j]).length;
  });
  expect(changes).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  rows.dispose();
});

test("frequencies stand where the transform puts them", async () => {
  const [a, b, c] = [tg.fft.fftfreq(5), tg.fft.fftfreq(4, 0.5), tg.fft.rfftfreq(5)];
  expect([...(await a.data())]).toEqual([0, 0.2, 0.4, -0.4, -0.2].map(Math.fround));
  expect([...(await b.data())]).toEqual([0, 0.5, -1, -0.5]);
  expect([...(await c.data())]).toEqual([0, 0.2, 0.4].map(Math.fround));
  for (const t of [a, b, c]) t.dispose();
});

test("no transform leaves anything behind but its result", () => {
  const x = tg.tensor(normals(2 * 16, 3), { shape: [2, 16] });
  const p = tg.tensor(normals(2 * 17, 3), { shape: [2, 17] });
  const calls: (() => tg.Tensor | tg.fft.Complex)[] = [
    () => tg.fft.fft(x),
    () => tg.fft.fft(p),
    () => tg.fft.ifft({ real: x, imag: x }, { n: 20 }),
    () => tg.fft.rfft(p),
    () => tg.fft.irfft({ real: x, imag: x }),
    () => tg.fft.fft2(x),
    () => tg.fft.ifft2(x),
    () => tg.fft.fftn(x),
    () => tg.fft.ifftn(p),
    () => tg.fft.fftfreq(5),
    () => tg.fft.rfftfreq(5),
    () => tg.fft.fftshift(x),
    () => tg.fft.ifftshift(x),
    () => tg.fft.dct(p, { dim: 0 }),
    () => tg.fft.idct(x),
    () => tg.fft.hadamardTransform(x, { order: "sequency" }),
  ];
  const round = (call: (typeof calls)[number]): void => {
    const result = call();
    for (const t of result instanceof tg.Tensor ? [result] : [result.real, result.imag])
      t.dispose();
  };
  for (const call of calls) {
    round(call);
    const before = tg.memory().liveBytes;
    round(call);
    expect(tg.memory().liveBytes, String(call)).toBe(before);
  }
  x.dispose();
  p.dispose();
});

test("a transform says what it does not take", () => {
  const x = tg.ones([2, 6]);
  const { fft } = tg;
  expectThrows(() => fft.fft(tg.tensor(1)), ShapeError, /fft\.fft: a scalar/);
  expectThrows(() => fft.fft(x, { dim: 2 }), ShapeError, /dim 2 is out of range/);
  expectThrows(() => fft.fft(x, { n: 0 }), ArgumentError, /length n is 0/);
  expectThrows(() => fft.fft(tg.ones([2, 0])), ArgumentError, /length n is 0/);
  expectThrows(() => fft.fft(x, { norm: "unitary" as "ortho" }), ArgumentError, /norm "unitary"/);
  expectThrows(() => fft.fft(tg.gt(x, 0)), DTypeError, /not defined for bool/);
  expectThrows(() => fft.fft({ real: x, imag: tg.ones([6]) }), ShapeError, /must agree/);
  expectThrows(() => fft.fft(3 as never), ArgumentError, /must be a tensor/);
  expectThrows(() => fft.fftn(x, { dim: [0, 0] }), ShapeError, /name one twice/);
  expectThrows(() => fft.fftn(x, { s: [2], dim: [0, 1] }), ArgumentError, /1 lengths for 2 dims/);
  expectThrows(() => fft.dct(x, { type: 1 as 2 }), ArgumentError, /type 1/);
  expectThrows(() => fft.dct(tg.ones([0])), ShapeError, /empty/);
  expectThrows(() => fft.hadamardTransform(x), ShapeError, /power of two/);
  expectThrows(() => fft.hadamardTransform(x.to("i32")), DTypeError, /not defined for i32/);
  x.dispose();
});
