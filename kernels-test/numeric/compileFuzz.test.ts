/**
 * Random programs, compiled and not: results, parameters and arguments are the same, however the arguments lie in
 * memory, whatever is donated, assigned to, captured or returned, and whichever other function runs in between.
 *
 * A program is a list of instructions on a growing list of values. An instruction that does not suit the shapes it
 * meets does something else that does, so that every list of numbers is a program.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tensor } from "../../src/node";
import * as tg from "../../src/node";
import { expectClose } from "../harness";

let device: tg.Device;
beforeAll(async () => {
  device = await tg.init();
});
afterAll(() => device.destroy());

/** Bits are the same on the CPU executor; drivers may contract a product and a sum that fusion brings together. */
const runs = process.env["TILEGRAD_ADAPTER"] === "cpu" ? 60 : 6;

interface Step {
  readonly op: number;
  /** Which values it reads, counted from the last. */
  readonly a: number;
  readonly b: number;
  readonly k: number;
}

interface Program {
  readonly steps: readonly Step[];
  /** Which values it returns. */
  readonly results: readonly number[];
}

/** What a program reads besides its arguments. */
interface World {
  readonly captured: readonly Tensor[];
  readonly parameters: readonly tg.nn.Parameter[];
  readonly key: Tensor;
}

type Operation = (a: Tensor, b: Tensor, k: number) => Tensor;

const float = (t: Tensor): Tensor => (t.dtype === "f32" ? t : t.to("f32"));
/** The elements between -2 and 2, so that nothing grows without bounds. */
const tame = (t: Tensor): Tensor => float(t).clamp(-2, 2);
const dimOf = (t: Tensor, k: number): number => k % Math.max(t.rank, 1);
const ranked = (t: Tensor): Tensor => (t.rank === 0 ? t.reshape([1]) : t);
const matrix = (t: Tensor): Tensor => {
  const [rows = 1] = t.shape;
  return rows === 0 ? t.reshape([0, 1]) : t.reshape([rows, t.size / rows]);
};
/** `b` in a shape that broadcasts with `a`. */
function fitting(a: Tensor, b: Tensor): Tensor {
  const [x, y] = [a.shape.toReversed(), b.shape.toReversed()];
  const fits = y.every((n, i) => x[i] === undefined || n === x[i] || n === 1 || x[i] === 1);
  return fits ? b : float(b).sum();
}

/** Pointwise, reductions, views and the rest, of which any chain has a gradient. */
const smooth: Operation[] = [
  (a) => tame(a).exp(),
  (a) => float(a).tanh(),
  (a) => float(a).relu(),
  (a) => float(a).sigmoid().mul(2),
  (a) => float(a).neg(),
  (a, _, k) => float(a).mul(k - 1.5),
  (a, _, k) => float(a).add(0.25 * k),
  (a) => tame(a).square(),
  (a) => float(a).abs().add(0.5).sqrt(),
  (a, b) => float(a).add(float(fitting(a, b))),
  (a, b) => tame(a).mul(tame(fitting(a, b))),
  (a, b) => float(a).sub(float(fitting(a, b))),
  (a, b) => float(a).div(float(fitting(a, b)).abs().add(1)),
  (a, b) => tg.maximum(float(a), float(fitting(a, b))),
  (a, b) => tg.where(float(a).gt(float(fitting(a, b))), float(a), float(a).mul(0.5)),
  (a, _, k) => float(a).sum({ dim: dimOf(ranked(a), k), keepdim: k % 2 === 0 }),
  (a) => float(a).sum(),
  (a, _, k) => {
    const t = ranked(float(a));
    const dim = dimOf(t, k);
    return t.shape[dim] === 0 ? t.sum({ dim }) : t.mean({ dim, keepdim: true });
  },
  (a, _, k) => {
    const t = ranked(float(a));
    const dim = dimOf(t, k);
    return t.size === 0 ? t.sum({ dim }) : t.max({ dim });
  },
  (a) => matrix(tame(a)).matmul(matrix(tame(a)).transpose(0, 1)),
  (a) =>
    matrix(tame(a))
      .transpose(0, 1)
      .matmul(matrix(tame(a))),
  (a, b) => {
    const [x, y] = [matrix(tame(a)), matrix(tame(b))];
    return x.shape[1] === y.shape[0] ? x.matmul(y).relu() : x.matmul(x.transpose(0, 1)).add(1);
  },
  (a) => (a.rank < 2 ? a : a.transpose(0, -1)),
  (a) => a.permute(a.shape.map((_, i) => a.rank - 1 - i)),
  (a) => a.reshape([a.size]),
  (a) => matrix(a),
  (a, _, k) => a.unsqueeze(0).expand([1 + (k % 2), ...a.shape]),
  (a, _, k) => {
    const t = ranked(a);
    const dim = dimOf(t, k);
    const length = Math.ceil(t.shape[dim]! / 2);
    return t.narrow(dim, t.shape[dim]! - length, length);
  },
  (a, _, k) => (a.size === 0 ? a : ranked(a).select(dimOf(ranked(a), k), 0)),
  (a, _, k) => tg.cat([ranked(a), ranked(a)], dimOf(ranked(a), k)),
  (a, _, k) => {
    const t = ranked(float(a));
    return tg.cat([t.tanh(), t, tg.zeros(t.shape)], dimOf(t, k));
  },
  (a, _, k) => {
    const t = ranked(a);
    const n = t.shape[dimOf(t, k)]!;
    return n < 2 ? t : t.split([1, n - 1], dimOf(t, k))[1]!;
  },
  (a, _, k) => ranked(a).flip([dimOf(ranked(a), k)]),
  (a, _, k) => (a.size === 0 ? float(a) : ranked(float(a)).softmax(dimOf(ranked(a), k))),
  (a) => (a.size === 0 ? float(a) : ranked(float(a)).logSoftmax(-1)),
  (a) => {
    const t = ranked(float(a));
    return t.size === 0 ? t : tg.layerNorm(t, [t.shape.at(-1)!]);
  },
  (a, _, k) => ranked(float(a)).cumsum(dimOf(ranked(a), k)),
  (a) => tg.stopGradient(float(a)).mul(float(a)),
];

/** Chains of these are differentiated, mapped and computed again. */
const chain =
  (k: number) =>
  (t: Tensor): Tensor => {
    const [first, second] = [smooth[k % smooth.length]!, smooth[(k * 7 + 3) % smooth.length]!];
    return float(second(first(t, t, k), t, k));
  };

const others: Operation[] = [
  (a) => tame(a).mul(8).to("i32"),
  (a) => a.to("f32"),
  (a) => (device.executor.adapter.features.includes("shader-f16") ? float(a).to("f16") : a),
  (a) => float(a).gt(0.25),
  (a) => tg.bitwiseAnd(tame(a).mul(4).to("i32"), 3),
  (a) => tg.ones(a.shape).mul(3).add(float(a)),
  (a, _, k) => (a.size === 0 ? a : ranked(float(a)).argmax({ dim: dimOf(ranked(a), k) })),
  (a, _, k) => {
    const t = ranked(float(a));
    if (t.size === 0) return t;
    const dim = dimOf(t, k);
    const order = t.sum({ dim: t.shape.flatMap((_, i) => (i === dim ? [] : [i])) }).argsort();
    return t.indexSelect(dim, order);
  },
  (a) => (a.size === 0 ? a : ranked(float(a)).sort({ dim: 0 }).values),
  (a) => a.clone(),
  (a) => a.contiguous(),
  (a) => tg.full([2, 1], 3).add(float(a).sum()),
  (a) =>
    tg
      .arange(4)
      .mul(2)
      .add(tg.tensor([1, 2, 3, 4]))
      .add(float(a).sum()),
  (a, b, k) => tg.grad((t: Tensor) => chain(k)(t).mul(float(b).sum()).sum())(tame(a)),
  (a, _, k) => tg.grad((t: Tensor) => tg.checkpoint(chain(k))(t).square().sum())(tame(a)),
  (a, _, k) => (a.rank < 2 || a.shape[0] === 0 ? a : tg.vmap(chain(k))(tame(a))),
  (a, _, k) =>
    a.rank < 2 || a.shape[0] === 0
      ? a
      : tg.vmap(tg.grad((t: Tensor) => chain(k)(t).sum()))(tame(a)),
  (a, _, k) => tg.jvp(chain(k), [tame(a)], [tame(a).cos()]).tangent,
];

/** Instructions beyond these read or assign a parameter, draw, or make a constant. */
const operations = [...smooth, ...others];
const special = 8;

function run({ steps, results }: Program, world: World, args: readonly Tensor[]): Tensor[] {
  const values = [...args, ...world.captured];
  const at = (k: number): Tensor => values[values.length - 1 - (k % values.length)]!;
  // Views of a parameter are not read after it is assigned to: see docs/compile.md.
  const operand = (k: number): Tensor => (at(k) instanceof tg.nn.Parameter ? at(k).mul(1) : at(k));
  for (const { op, a, b, k } of steps) {
    const number = op % (operations.length + special);
    let value: Tensor;
    if (number < operations.length) value = operations[number]!(operand(a), operand(b), k);
    else {
      const parameter = world.parameters[k % world.parameters.length]!;
      const kind = number - operations.length;
      if (kind < 2) value = parameter.mul(2);
      else if (kind === 2) value = parameter;
      else if (kind === 3) value = tg.random.normal(world.key, [3, k + 1]);
      else if (kind === 4) value = tg.tensor([k, 1, 0.5]);
      else {
        const source = tame(operand(a));
        const fits = source.shape.join() === parameter.shape.join();
        if (fits) parameter.assign(source);
        else parameter.assign(parameter.mul(0.5).add(source.sum().clamp(-2, 2)));
        value = kind === 5 ? parameter : operand(b);
      }
    }
    // Small enough to be fast, large enough for kernels to have an end.
    values.push(value.size > 600 ? value.reshape([value.size]).narrow(0, 0, 300) : value);
  }
  return [at(0), ...results.map(at)];
}

/** How an argument lies in memory. */
type Lie = "dense" | "turned" | "part" | "again" | "sibling" | "captured" | "parameter";
const lies: readonly Lie[] = [
  "dense",
  "dense",
  "turned",
  "part",
  "again",
  "sibling",
  "captured",
  "parameter",
];

const step = fc.record({ op: fc.nat(199), a: fc.nat(9), b: fc.nat(9), k: fc.nat(5) });
const program = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  results: fc.array(fc.nat(12), { maxLength: 3 }),
});
const shape = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom([0], [2, 0], [0, 3], [1, 1, 1], [64], [65], [17, 9]) },
);
const argument = fc.record({ shape, lie: fc.constantFrom(...lies) });
const options = fc.record({
  donate: fc.subarray([0, 1, 2], { maxLength: 3 }),
  memoryBudget: fc.option(fc.constantFrom(1, 3000), { nil: undefined }),
});
const scenario = fc.record({
  programs: fc.array(program, { minLength: 2, maxLength: 2 }),
  args: fc.array(argument, { minLength: 1, maxLength: 3 }),
  others: fc.array(argument, { minLength: 1, maxLength: 2 }),
  options,
});

/** Numbers that differ from call to call, the same on every run. */
const wave = (count: number, phase: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) =>
    Math.fround(1.7 * Math.sin(1.3 * i + 0.7 * phase)),
  );
const sizeOf = (of: readonly number[]): number => of.reduce((n, m) => n * m, 1);

function makeArguments(
  specs: readonly { readonly shape: readonly number[]; readonly lie: Lie }[],
  world: World,
  phase: number,
): Tensor[] {
  const made: Tensor[] = [];
  specs.forEach(({ shape: of, lie }, i) => {
    const values = wave(sizeOf(of), phase + i);
    const [before] = made;
    if (lie === "again" && before) made.push(before);
    else if (lie === "sibling" && before) made.push(before.reshape([before.size]));
    else if (lie === "captured") made.push(world.captured[0]!.alias());
    else if (lie === "parameter") made.push(world.parameters[0]!.alias());
    else if (lie === "turned" && of.length > 1)
      made.push(
        tg.tensor(values, { shape: of.toReversed() }).permute(of.map((_, d) => of.length - 1 - d)),
      );
    else if (lie === "part")
      made.push(
        tg
          .tensor(wave(sizeOf(of) + 70, phase), { shape: [sizeOf(of) + 70] })
          .narrow(0, 64, sizeOf(of))
          .reshape(of),
      );
    else made.push(tg.tensor(values, { shape: of }));
  });
  return made;
}

function makeWorld(): World {
  const base = tg.tensor(wave(24, 9), { shape: [24] });
  return {
    captured: [base.narrow(0, 0, 12).reshape([3, 4]), base.narrow(0, 6, 12).reshape([4, 3])],
    parameters: [
      new tg.nn.Parameter(tg.tensor(wave(12, 3), { shape: [3, 4] }) as never),
      new tg.nn.Parameter(tg.tensor(wave(4, 5), { shape: [4] }) as never),
    ],
    key: tg.random.key(11),
  };
}

interface Seen {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: readonly number[];
}

const see = async (t: Tensor): Promise<Seen> => ({
  shape: t.shape,
  dtype: t.dtype,
  values: Array.from(await t.data(), Number),
});

function expectSame(ours: readonly Seen[], theirs: readonly Seen[], what: string): void {
  expect(
    ours.map(({ shape: of, dtype }) => [of, dtype]),
    what,
  ).toEqual(theirs.map(({ shape: of, dtype }) => [of, dtype]));
  ours.forEach(({ values }, i) => {
    const expected = theirs[i]!.values;
    if (device.executor.kind === "cpu") expect(values, `${what} ${i}`).toEqual(expected);
    else expectClose(values, expected, { relative: 1e-3, absolute: 1e-3 }, `${what} ${i}`);
  });
}

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
type Runner = (args: readonly Tensor[]) => Tensor[];

/** All results of two programs that take turns, with two sets of arguments, then parameters and arguments. */
async function play(
  { args, others: second }: Scenario,
  world: World,
  runners: readonly Runner[],
  keptArguments: boolean,
): Promise<{ results: Seen[]; parameters: Seen[]; args: Seen[]; errors: string[] }> {
  const results: Tensor[] = [];
  const given: Tensor[] = [];
  const errors: string[] = [];
  let phase = 0;
  for (const specs of [args, second, args])
    for (const runner of runners) {
      const own = makeArguments(specs, world, phase++);
      if (keptArguments) given.push(...own);
      try {
        results.push(...tg.scope(() => runner(own).map((t) => t.clone())));
      } catch (error) {
        errors.push(`${(error as Error).name}`);
      }
    }
  return {
    results: await Promise.all(results.map(see)),
    parameters: await Promise.all(world.parameters.map(see)),
    args: await Promise.all(given.map(see)),
    errors,
  };
}

test("random programs give compiled what they give uncompiled", async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      if (device.executor.failure) device = await tg.init();
      const donates = given.options.donate.length > 0;
      const stage = tg.scope(() => {
        const made = [makeWorld(), makeWorld()] as const;
        for (const { captured, key } of made) for (const t of [...captured, key]) tg.keep(t);
        return made;
      });
      const [world, other] = stage;
      const compiled = given.programs.map((one) =>
        tg.compile((...of: Tensor[]) => run(one, world, of), given.options as tg.CompileOptions),
      );
      try {
        const plain = given.programs.map(
          (one) => (of: readonly Tensor[]) =>
            // Arguments are as they were at the call, whatever a program assigns to.
            run(
              one,
              other,
              of.map((t) => t.clone()),
            ),
        );
        const ours = await play(
          given,
          world,
          compiled.map((f) => (of) => f(...of)),
          !donates,
        );
        const theirs = await play(given, other, plain, !donates);
        expect(ours.errors).toEqual(theirs.errors);
        expectSame(ours.results, theirs.results, "result");
        expectSame(ours.parameters, theirs.parameters, "parameter");
        expectSame(ours.args, theirs.args, "argument");
      } finally {
        for (const f of compiled) f.dispose();
      }
      expect(tg.memory(device).byCategory.plan).toBe(0);
    }),
    { seed: 5, numRuns: runs },
  );
});
