/** An epilogue stores what the operations give one after the other: the same bits on the CPU executor. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { LimitError } from "../../src/errors";
import { initOn } from "../../src/init";
import { add, lt, mul, sub } from "../../src/ops/arithmetic";
import type { EpilogueAttrs } from "../../src/ops/epilogue";
import type { Expression } from "../../src/ops/expression";
import { gelu } from "../../src/ops/functions";
import { biasedProduct, matmul } from "../../src/ops/matmul";
import { matmulTarget } from "../../src/ops/matmulLaunch";
import {
  forcedMatmulVariant,
  type MatmulVariant,
  matmulVariants,
} from "../../src/ops/matmulVariants";
import type { AnyPrimitive, Spec } from "../../src/ops/primitive";
import { forcedRowTeam, rowTeams } from "../../src/ops/rowTeam";
import { transpose } from "../../src/ops/shape";
import { bind } from "../../src/ops/trace";
import { nodePlatform } from "../../src/platform/node";
import { primitives } from "../../src/table";
import { tensor } from "../../src/tensor/creation";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";
import type { DType } from "../../src/tensor/dtype";
import { scope } from "../../src/tensor/scope";
import { type Shape, sizeOf } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { expectClose } from "../harness";
import { normals } from "../samples";

let device: Device;
let variants: readonly MatmulVariant[];

beforeAll(async () => {
  device = await initOn(nodePlatform);
  variants = matmulVariants.candidates(matmulTarget(device));
});
afterEach(() => {
  forcedMatmulVariant.current = null;
  forcedRowTeam.current = null;
});

const named = (name: string): AnyPrimitive => primitives.find((p) => p.name === name)!;

/** Runs a primitive with an epilogue; `own` are the inputs of the primitive itself. */
function withEpilogue(
  name: string,
  own: readonly Tensor[],
  attrs: unknown,
  expression: Expression,
  operands: readonly Tensor[],
  stored: readonly Spec[],
): Tensor[] {
  const primitive = named(name).epilogue!.primitive;
  const all: EpilogueAttrs<unknown> = { own: attrs, expression, stored };
  const inputs = [...own, ...operands] as DeviceTensor[];
  return primitive.run(inputs, all, primitive.outputs(inputs, all));
}

/**
 * The CPU executor gives the same bits. Others may contract products and sums, and keep more of an f16 than it
 * holds until it is stored: up to four roundings, each by 2^-11 of values at most twice the largest result.
 */
async function expectSame(actual: Tensor, expected: Tensor, what: string): Promise<void> {
  expect(actual.shape, what).toEqual(expected.shape);
  const values = (await expected.data()) as Float32Array;
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const rounding = expected.dtype === "f16" ? 8 * 2 ** -11 : 2e-6;
  const exact = device.executor.kind === "cpu";
  const tolerance = { relative: 0, absolute: exact ? 0 : rounding * largest };
  expectClose(await actual.data(), values, tolerance, what);
}

interface Kind {
  readonly expression: (dtype: DType) => Expression;
  readonly operands: (shape: Shape, dtype: DType) => Tensor[];
  readonly biased?: true;
  readonly dtypes?: (dtype: DType) => DType[];
  /** What the expression computes, in operations. */
  readonly plain: (product: Tensor, operands: readonly Tensor[]) => Tensor[];
}

const drawn = (shape: Shape, seed: number, dtype: DType): Tensor =>
  tensor(normals(sizeOf(shape), seed), { shape, dtype });

const kinds = {
  "bias and gelu, with what goes into it kept": {
    expression: (t) => ({
      inputs: [t],
      steps: [{ fn: "op_gelu", args: [0], dtype: t }],
      outputs: [0, 1],
    }),
    operands: () => [],
    biased: true,
    plain: (p) => [p, gelu(p)],
  },
  "a residual, a column and a number": {
    expression: (t) => ({
      inputs: [t, t, t, t],
      numbers: [0.1],
      steps: [
        { fn: "op_mul", args: [0, 2], dtype: t },
        { fn: "op_add", args: [4, 3], dtype: t },
        { fn: "op_sub", args: [1, 5], dtype: t },
      ],
      outputs: [6],
    }),
    operands: (shape, t) => [drawn(shape, 3, t), drawn([shape.at(-1)!], 5, t)],
    biased: true,
    plain: (p, [x, column]) => [sub(x!, add(mul(p, column!), 0.1))],
  },
  "results of two types, by one number for all": {
    expression: (t) => ({
      inputs: [t, t],
      steps: [{ fn: "op_lt", args: [0, 1], dtype: "bool" }],
      outputs: [2, 0],
    }),
    operands: (_, t) => [drawn([], 8, t)],
    dtypes: (t) => ["bool", t],
    plain: (p, [x]) => [lt(p, x!), p],
  },
} satisfies Record<string, Kind>;

/** What differs from the kinds above in the text of the operands alone: for one variant each. */
const furtherKinds = {
  "the slope of gelu": {
    expression: (t) => ({
      inputs: [t, t],
      steps: [{ fn: "op_gelu_vjp", args: [0, 1], dtype: t }],
      outputs: [2],
    }),
    operands: (shape, t) => [drawn(shape, 4, t)],
    plain: (p, [h]) => bind(named("geluBackward"), [p, h!], null),
  },
  "an operand that lies the other way round": {
    expression: (t) => ({
      inputs: [t, t],
      steps: [{ fn: "op_sub", args: [0, 1], dtype: t }],
      outputs: [2],
    }),
    operands: (shape, t) => {
      const [m, n] = shape.slice(-2) as [number, number];
      return [transpose(drawn([...shape.slice(0, -2), n, m], 7, t), -1, -2)];
    },
    plain: (p, [x]) => [sub(p, x!)],
  },
} satisfies Record<string, Kind>;

/** Odd sizes that the kernels read and write element by element, and sizes for vec4s. */
const shapes: readonly (readonly [batch: Shape, m: number, n: number, k: number])[] = [
  [[], 1, 1, 3],
  [[], 5, 65, 63],
  [[], 63, 132, 20],
  [[3, 2], 7, 12, 8],
];

async function expectProducts(kind: Kind, dtype: DType): Promise<void> {
  for (const [batch, m, n, k] of shapes) {
    const shape = [...batch, m, n];
    const biased = kind.biased && batch.length === 0;
    const { actual, expected } = scope(() => {
      const a = drawn([...batch, m, k], 1, dtype);
      const b = drawn([...batch, k, n], 2, dtype);
      const bias = biased ? [drawn([n], 9, dtype)] : [];
      const operands = kind.operands(shape, dtype);
      const expression = kind.expression(dtype);
      const types = kind.dtypes?.(dtype) ?? expression.outputs.map(() => dtype);
      const stored = types.map((type) => ({ shape, dtype: type }));
      const own = [a, b, ...bias];
      const product = biased ? biasedProduct(a, b, bias[0]!) : matmul(a, b);
      return {
        actual: withEpilogue("matmul", own, null, expression, operands, stored),
        expected: kind.plain(product, operands),
      };
    });
    const what = `${JSON.stringify(forcedMatmulVariant.current)} ${shape} x ${k}`;
    for (const [i, t] of actual.entries())
      await expectSame(t, expected[i]!, `${what}, result ${i}`);
    for (const t of [...actual, ...expected]) t.dispose();
  }
}

const kernels = ["subgroup", "register", "tiled", "packed", "skinny", "vector", "split"] as const;

describe.each(kernels)("%s", (kernel) => {
  test.each(Object.entries<Kind>(kinds))("stores %s", async (_, kind) => {
    // Variants of one kernel store by the same text: one kind tries them all.
    const count = kind === kinds["a residual, a column and a number"] ? undefined : 1;
    for (const variant of variants.filter((v) => v.kernel === kernel).slice(0, count)) {
      forcedMatmulVariant.current = variant;
      await expectProducts(kind, "f32");
    }
  });

  test("stores f16 rounded as the operations do one by one", async () => {
    if (!device.executor.adapter.features.includes("shader-f16")) {
      expect(() => drawn([1], 1, "f16")).toThrow(/shader-f16/);
      return;
    }
    const variant = variants.find((v) => v.kernel === kernel);
    if (!variant) return;
    forcedMatmulVariant.current = variant;
    await expectProducts(kinds["a residual, a column and a number"], "f16");
  });
});

test.each(Object.entries<Kind>(furtherKinds))("a product stores %s", async (_, kind) => {
  await expectProducts(kind, "f32");
});

describe("normalisations", () => {
  test.each([
    [7, 12],
    [65, 5],
    [3, 130],
  ])("of %i rows of %i store epilogues in every team size", async (rows, cols) => {
    const kind: Kind = kinds["a residual, a column and a number"];
    const shape = [rows, cols];
    const expression = kind.expression("f32");
    const stored = [{ shape, dtype: "f32" as const }];
    for (const team of rowTeams.candidates())
      for (const centered of [true, false]) {
        forcedRowTeam.current = team;
        const x = drawn(shape, 1, "f32");
        const weight = drawn([cols], 2, "f32");
        const operands = kind.operands(shape, "f32");
        const attrs = { cols, eps: 1e-5, centered, hasWeight: true, hasBias: false };
        const forward = centered ? "layerNorm" : "rmsNorm";
        const [y, mean, rstd] = bind(named(forward), [x, weight], attrs);
        const [stores, ...others] = withEpilogue(
          forward,
          [x, weight],
          attrs,
          expression,
          operands,
          stored,
        );
        const what = `${forward}, team ${team}`;
        await expectSame(stores!, kind.plain(y!, operands)[0]!, what);
        await expectSame(others[0]!, mean!, `${what}: mean`);
        await expectSame(others[1]!, rstd!, `${what}: spread`);

        const backward = [drawn(shape, 3, "f32"), x, mean!, rstd!, weight];
        const [dx] = bind(named("normBackward"), backward, attrs);
        const [moved] = withEpilogue("normBackward", backward, attrs, expression, operands, stored);
        await expectSame(moved!, kind.plain(dx!, operands)[0]!, `${what}: backward`);
      }
  });
});

test("an epilogue that needs more buffers than the device can bind is refused", () => {
  const count = device.executor.limits.maxStorageBuffers;
  const shape = [4, 4];
  const operands = Array.from({ length: count }, (_, i) => drawn(shape, i, "f32"));
  const steps = operands.map((_, i) => ({
    fn: "op_add",
    args: [i === 0 ? 0 : count + i, i + 1],
    dtype: "f32" as const,
  }));
  const expression: Expression = {
    inputs: new Array<DType>(count + 1).fill("f32"),
    steps,
    outputs: [2 * count],
  };
  const own = [drawn(shape, 50, "f32"), drawn(shape, 51, "f32")];
  expect(() =>
    withEpilogue("matmul", own, null, expression, operands, [{ shape, dtype: "f32" }]),
  ).toThrow(LimitError);
});
