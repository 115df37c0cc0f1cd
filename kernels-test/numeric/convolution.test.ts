import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import * as tg from "../../src/node";
import type { ConvolutionAttrs } from "../../src/ops/convolutionGeometry";
import {
  type ConvolutionProblem,
  convolutionTile,
  convolutionVariants,
  forcedConvolutionSplit,
  forcedConvolutionVariant,
} from "../../src/ops/convolutionVariants";
import { matmulTarget } from "../../src/ops/matmulLaunch";
import { forcedMatmulVariant, matmulVariants } from "../../src/ops/matmulVariants";
import { expectClose } from "../harness";
import { convolution } from "../primitives/convolution";
import { real, upload } from "../primitives/operand";

beforeAll(async () => {
  await tg.init();
});
afterEach(() => {
  forcedConvolutionVariant.current = null;
  forcedConvolutionSplit.current = null;
  forcedMatmulVariant.current = null;
});

const target = () => matmulTarget(tg.currentDevice());
const variants = ["product", "winograd", "packed", "register", "tiled", "direct"] as const;

/** x, weight, options of conv2d with numbers for stride, padding and dilation. */
const shapes: readonly (readonly [
  string,
  readonly number[],
  readonly number[],
  { stride?: number; padding?: number; dilation?: number; groups?: number },
])[] = [
  ["more of everything than a block holds", [1, 20, 14, 13], [131, 20, 3, 3], { padding: 1 }],
  ["pixels around a tile", [3, 4, 5, 13], [8, 4, 2, 2], {}],
  ["pixels in fours", [2, 6, 8, 6], [9, 6, 3, 3], { padding: 1 }],
  ["five channels, read one by one", [1, 5, 9, 7], [17, 5, 3, 2], { stride: 2 }],
  ["three channels, padded to four", [2, 3, 9, 9], [7, 3, 3, 3], { dilation: 2, padding: 2 }],
  ["groups", [2, 12, 7, 9], [27, 4, 3, 3], { groups: 3, stride: 2, padding: 1 }],
  ["every channel by itself", [2, 9, 11, 10], [9, 1, 3, 3], { groups: 9, padding: 1 }],
  ["a kernel of one element", [2, 8, 6, 7], [5, 8, 1, 1], {}],
  ["one tile of 2 x 2 pixels", [1, 5, 2, 2], [6, 5, 3, 3], { padding: 1 }],
  ["odd pixels in several images", [3, 7, 5, 9], [5, 7, 3, 3], { padding: 1 }],
  ["3 x 3 in groups, without padding", [2, 10, 7, 6], [14, 5, 3, 3], { groups: 2 }],
  ["a row longer than a segment", [1, 2, 1, 150], [3, 2, 1, 4], { padding: 2 }],
];

describe("every variant of a convolution", () => {
  test.each(shapes)("agrees with f64: %s", async (_, xShape, wShape, options) => {
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    const [x, w] = [real(xShape, 1, { low: -1, high: 1 }), real(wShape, 2, { low: -1, high: 1 })];
    const attrs: ConvolutionAttrs = {
      strides: [stride, stride],
      low: [padding, padding],
      high: [padding, padding],
      dilation: [1, 1],
      kernelDilation: [dilation, dilation],
      flip: false,
    };
    const split = (shape: readonly number[], at: number) =>
      shape.flatMap((d, i) => (i === at ? [groups, d / groups] : [d]));
    const [expected] = convolution(
      [
        { shape: split(xShape, 1), data: x.value.data },
        { shape: split(wShape, 0), data: w.value.data },
      ],
      attrs,
    );
    for (const variant of variants) {
      forcedConvolutionVariant.current = variant;
      const y = tg.scope(() => tg.conv2d(upload(tg, x), upload(tg, w), options));
      // Sums of up to 180 products of size below 1, each rounded.
      expectClose(await y.data(), expected!.data, { relative: 1e-5, absolute: 2e-5 }, variant);
      y.dispose();
    }
  });

  test.each<[string, readonly number[], readonly number[], object]>([
    ["stride 2, odd sizes", [2, 5, 5, 6], [5, 9, 3, 3], { stride: 2, padding: 1 }],
    [
      "stride 3 and 2, output padding",
      [1, 4, 4, 3],
      [4, 3, 5, 2],
      { stride: [3, 2], outputPadding: [2, 0] },
    ],
    ["pixels that no tap meets", [2, 3, 4, 4], [3, 5, 1, 2], { stride: 3, bias: true }],
    [
      "gaps and a dilated kernel",
      [1, 6, 5, 4],
      [6, 8, 3, 3],
      { stride: 4, dilation: 2, padding: 1 },
    ],
    ["groups", [2, 6, 4, 5], [6, 2, 3, 4], { stride: 2, groups: 3, padding: 1 }],
    ["channels by themselves", [1, 4, 5, 5], [4, 1, 3, 3], { stride: 2, groups: 4 }],
  ])(
    "agrees with f64 with gaps in x, by phases and in one: %s",
    async (_, xShape, wShape, given) => {
      const { bias: biased = false, ...options } = given as tg.ConvTransposeOptions & {
        bias?: boolean;
      };
      const [x, w] = [real(xShape, 1, { low: -1, high: 1 }), real(wShape, 2, { low: -1, high: 1 })];
      const { groups = 1 } = options;
      const outs = wShape[1]! * groups;
      const bias = biased ? real([outs], 3, { low: -1, high: 1 }) : null;
      const pair = (v: unknown, usual: number): [number, number] =>
        Array.isArray(v) ? (v as [number, number]) : [Number(v ?? usual), Number(v ?? usual)];
      const dilation = pair(options.stride, 1);
      const kernelDilation = pair(options.dilation, 1);
      const padding = pair(options.padding, 0);
      const extra = pair(options.outputPadding, 0);
      const low = padding.map((p, i) => (wShape[i + 2]! - 1) * kernelDilation[i]! - p);
      const [ins, each, ...taps] = wShape as [number, number, number, number];
      // [in, out / groups, ...] as [groups, out / groups, in / groups, ...].
      const exchanged = new Float64Array(w.value.data.length);
      const size = taps[0]! * taps[1]!;
      const inside = ins / groups;
      for (let g = 0; g < groups; g++)
        for (let o = 0; o < each; o++)
          for (let c = 0; c < inside; c++)
            for (let k = 0; k < size; k++)
              exchanged[((g * each + o) * inside + c) * size + k] =
                w.value.data[((g * inside + c) * each + o) * size + k]!;
      const [expected] = convolution(
        [
          { shape: [xShape[0]!, groups, inside, ...xShape.slice(2)], data: x.value.data },
          { shape: [groups, each, inside, ...taps], data: exchanged },
          ...(bias ? [{ shape: [groups, each], data: bias.value.data }] : []),
        ],
        {
          strides: [1, 1],
          low,
          high: low.map((l, i) => l + extra[i]!),
          dilation,
          kernelDilation,
          flip: true,
        },
      );
      for (const variant of ["packed", "register", "tiled", "direct"] as const)
        for (const split of [true, false]) {
          forcedConvolutionVariant.current = variant;
          forcedConvolutionSplit.current = split;
          const y = tg.scope(() =>
            tg.convTranspose2d(upload(tg, x), upload(tg, w), {
              ...options,
              ...(bias && { bias: upload(tg, bias) }),
            }),
          );
          const what = `${variant}, ${split ? "split" : "in one"}`;
          expectClose(await y.data(), expected!.data, { relative: 1e-5, absolute: 2e-5 }, what);
          y.dispose();
        }
    },
  );

  test("by tiles of Winograd's errs by at most twice as much as sums in order", async () => {
    const [x, w] = [
      real([1, 64, 9, 8], 1, { low: -1, high: 1 }),
      real([16, 64, 3, 3], 2, { low: -1, high: 1 }),
    ];
    const [expected] = convolution(
      [
        { shape: [1, 1, 64, 9, 8], data: x.value.data },
        { shape: [1, 16, 64, 3, 3], data: w.value.data },
      ],
      {
        strides: [1, 1],
        low: [1, 1],
        high: [1, 1],
        dilation: [1, 1],
        kernelDilation: [1, 1],
        flip: false,
      },
    );
    const worst = async (variant: (typeof variants)[number]): Promise<number> => {
      forcedConvolutionVariant.current = variant;
      const y = await tg
        .scope(() => tg.conv2d(upload(tg, x), upload(tg, w), { padding: 1 }))
        .data();
      return expected!.data.reduce((most, v, i) => Math.max(most, Math.abs(v - y[i]!)), 0);
    };
    // Sums of 576 products are of size 8, and each addition rounds by up to 2^-21: 24 steps of a random walk of
    // that width are 1e-5, and the worst of many sums is a few times that.
    const inOrder = await worst("register");
    expect(inOrder).toBeLessThan(6e-5);
    expect(await worst("winograd")).toBeLessThan(2 * inOrder);
  });

  test("of f16 agree between Winograd's tiles and the others", async () => {
    if (!tg.currentDevice().executor.adapter.features.includes("shader-f16")) return;
    const x = real([1, 8, 6, 7], 1, { low: -1, high: 1 });
    const w = real([4, 8, 3, 3], 2, { low: -1, high: 1 });
    const results = [];
    for (const variant of ["winograd", "register"] as const) {
      forcedConvolutionVariant.current = variant;
      const y = tg.scope(() => tg.conv2d(upload(tg, x).to("f16"), upload(tg, w).to("f16")));
      results.push(await y.to("f32").data());
    }
    expectClose(results[0]!, results[1]!, { relative: 2 ** -10, absolute: 2 ** -12 }, "f16");
  });

  test("lets NaN and infinity reach the pixels that meet them, and no others", async () => {
    // Of transformed tiles all pixels see what one sees.
    for (const channels of [1, 4]) {
      const values = new Float32Array(channels * 49).fill(1);
      values[3 * 7 + 3] = Number.NaN;
      values[0] = Number.POSITIVE_INFINITY;
      for (const variant of variants.filter((name) => name !== "winograd")) {
        forcedConvolutionVariant.current = variant;
        const y = tg.scope(() =>
          tg.conv2d(
            tg.tensor(values, { shape: [1, channels, 7, 7] }),
            tg.ones([3, channels, 3, 3]),
            { padding: 1 },
          ),
        );
        const plane = (await y.data()).slice(0, 49);
        y.dispose();
        plane.forEach((v, i) => {
          const [row, column] = [Math.floor(i / 7), i % 7];
          const nan = Math.abs(row - 3) <= 1 && Math.abs(column - 3) <= 1;
          expect(Number.isNaN(v), `${variant}, element ${i}`).toBe(nan);
          expect(v === Number.POSITIVE_INFINITY, `${variant}, element ${i}`).toBe(
            !nan && row <= 1 && column <= 1,
          );
        });
      }
    }
  });
});

describe("the choice of a variant", () => {
  const problem: ConvolutionProblem = {
    images: 8,
    groups: 1,
    channels: 16,
    outs: 16,
    pixels: 64,
    taps: 9,
    pointwise: false,
    square: false,
    phases: 1,
    spared: 0,
  };

  test("is a product of matrices for kernels of one element, unless images are tiny", () => {
    const pointwise = { ...problem, taps: 1, pointwise: true };
    expect(convolutionVariants.defaultChoice(pointwise, target())).toBe("product");
    const tiny = { ...pointwise, pixels: 4 };
    expect(convolutionVariants.defaultChoice(tiny, target())).not.toBe("product");
  });

  test("is direct for channels by themselves, and for single pixels", () => {
    const alone = { ...problem, groups: 16, channels: 1, outs: 1 };
    expect(convolutionVariants.defaultChoice(alone, target())).toBe("direct");
    const pixel = { ...problem, images: 1, pixels: 1 };
    expect(convolutionVariants.defaultChoice(pixel, target())).toBe("direct");
  });

  test("is Winograd's for kernels of 3 x 3 from 32 channels and 32 tiles of pixels on", () => {
    const square = { ...problem, square: true, images: 2, channels: 32, outs: 32, pixels: 64 };
    const choice = (change: Partial<ConvolutionProblem>) =>
      convolutionVariants.defaultChoice({ ...square, ...change }, target());
    expect(choice({})).toBe("winograd");
    for (const less of [{ channels: 31 }, { outs: 31 }, { images: 1 }, { square: false }])
      expect(choice(less), JSON.stringify(less)).not.toBe("winograd");
  });

  test("is by phases where they spare more than their dispatches cost", () => {
    const isSplit = (spared: number, phases = 4) =>
      convolutionVariants.isSplit({ ...problem, phases, spared }, "packed");
    expect([isSplit(3 * 2 ** 18 - 1), isSplit(3 * 2 ** 18)]).toEqual([false, true]);
    expect(isSplit(2 ** 30, 1)).toBe(false);
  });

  test("of tiles is the largest of which there are enough", () => {
    const tile = (rows: number, granted = 2 ** 15) =>
      convolutionTile(
        { rows, cols: 128, groups: 1 },
        {
          ...target(),
          limits: {
            ...target().limits,
            maxInvocationsPerWorkgroup: 256,
            maxWorkgroupBytes: granted,
          },
        },
      );
    expect(tile(128 * 128)).toEqual({ side: 16, groups: 2 });
    expect(tile(128 * 127)).toEqual({ side: 8, groups: 2 });
    expect(tile(32)).toEqual({ side: 8, groups: 1 });
    expect(tile(128 * 128, 2 ** 13)).toEqual({ side: 8, groups: 2 });
    expect(tile(32, 1024)).toBeUndefined();
  });

  test("is tiles otherwise, by adapter", () => {
    const choice = (adapter: "wasm" | "software" | "hardware") =>
      convolutionVariants.defaultChoice(problem, { ...target(), adapter });
    expect([choice("software"), choice("hardware")]).toEqual(["register", "tiled"]);
    const large = { ...target().limits, maxWorkgroupBytes: 2 ** 18 };
    const wasm = { ...target(), adapter: "wasm", limits: large } as const;
    expect(convolutionVariants.defaultChoice(problem, wasm)).toBe("packed");
  });
});

describe("convolutions", () => {
  test("give the values of the examples", async () => {
    const x = tg.tensor([[1, 2, 3, 4]]);
    expect([...(await tg.conv1d(x, tg.tensor([[[1, -1]]])).data())]).toEqual([-1, -1, -1]);
    const y = tg.convTranspose1d(tg.tensor([[1, 2]]), tg.tensor([[[1, 1]]]), { stride: 2 });
    expect([...(await y.data())]).toEqual([1, 1, 2, 2]);
  });

  test("with kernels of one element add the bias in whatever product computes them", async () => {
    const values = (n: number, step: number) =>
      Float32Array.from({ length: n }, (_, i) => ((i * step) % 17) - 8);
    for (const [groups, size] of [
      [1, 5],
      [1, 4],
      [2, 5],
    ] as const) {
      const x = values(2 * 6 * size * 7, 5);
      const w = values((10 * 6) / groups, 3);
      const bias = values(10, 7);
      const expected = Float32Array.from({ length: 2 * 10 * size * 7 }, (_, i) => {
        const [pixel, out, image] = [
          i % (size * 7),
          Math.floor(i / (size * 7)) % 10,
          Math.floor(i / (size * 70)),
        ];
        const [ins, first] = [6 / groups, Math.floor((out * groups) / 10) * (6 / groups)];
        let sum = bias[out]!;
        for (let c = 0; c < ins; c++)
          sum += x[(image * 6 + first + c) * size * 7 + pixel]! * w[out * ins + c]!;
        return sum;
      });
      for (const kernel of [null, ...matmulVariants.candidates(target())]) {
        forcedMatmulVariant.current = kernel;
        forcedConvolutionVariant.current = "product";
        const y = tg.scope(() =>
          tg.conv2d(
            tg.tensor(x, { shape: [2, 6, size, 7] }),
            tg.tensor(w, { shape: [10, 6 / groups, 1, 1] }),
            { bias: tg.tensor(bias), groups },
          ),
        );
        expect(await y.data(), JSON.stringify(kernel)).toEqual(expected);
        y.dispose();
      }
    }
  });

  test("of nothing give nothing, or the bias", async () => {
    expect(tg.conv1d(tg.zeros([0, 2, 5]), tg.zeros([3, 2, 2])).shape).toEqual([0, 3, 4]);
    const bias = tg.tensor([1, 2]);
    const y = tg.conv1d(tg.zeros([1, 0, 2]), tg.zeros([2, 0, 1]), { bias });
    expect([...(await y.data())]).toEqual([1, 1, 2, 2]);
  });

  test("of f16 are computed in f32 and rounded once", async () => {
    if (!tg.currentDevice().executor.adapter.features.includes("shader-f16")) return;
    const x = tg.ones([1, 1, 1, 4096], { dtype: "f16" });
    const w = tg.full([1, 1, 1, 2048], 2 ** -11, { dtype: "f16" });
    for (const variant of variants) {
      forcedConvolutionVariant.current = variant;
      const y = tg.conv2d(x, w);
      expect(y.dtype).toBe("f16");
      expect([...new Set(await y.data())]).toEqual([1]);
    }
  });

  test("say what is wrong with their arguments", () => {
    const [x, w] = [tg.zeros([2, 4, 5, 5]), tg.zeros([6, 4, 3, 3])];
    const bad: [() => unknown, new (...args: never[]) => Error, RegExp][] = [
      [() => tg.conv2d(tg.zeros([4, 5]), w), ShapeError, /conv2d.*\[images, in/],
      [() => tg.conv2d(x, w, { groups: 2 }), ShapeError, /conv2d.*4 channels.*takes 8/],
      [() => tg.conv2d(x, w, { groups: 0 }), ArgumentError, /groups 0/],
      [() => tg.conv2d(x, w, { stride: 0 }), ArgumentError, /stride 0/],
      [() => tg.conv2d(x, w, { padding: [1] }), ArgumentError, /padding \[1\]/],
      [() => tg.conv2d(x, w, { padding: -1 }), ArgumentError, /padding -1/],
      [() => tg.conv2d(x, w, { padding: "same", stride: 2 }), ArgumentError, /"same"/],
      [() => tg.conv2d(x, w, { dilation: 3 }), ShapeError, /covers 7 positions/],
      [() => tg.conv2d(x, w, { bias: tg.zeros([4]) }), ShapeError, /bias.*\[6\]/],
      [() => tg.conv2d(x.to("i32"), w), DTypeError, /i32/],
      [() => tg.conv2d(x, tg.zeros([6, 4, 0, 3])), ShapeError, /no elements/],
      [
        () => tg.convTranspose2d(x, tg.zeros([4, 2, 3, 3]), { outputPadding: 1 }),
        ArgumentError,
        /outputPadding 1/,
      ],
      [
        () => tg.convTranspose2d(x, tg.zeros([4, 2, 3, 3]), { padding: 4 }),
        ShapeError,
        /Use less padding/,
      ],
    ];
    for (const [call, kind, message] of bad) {
      expect(call).toThrow(kind);
      expect(call).toThrow(message);
    }
  });
});
