/** What cannot be solved is one clear error: at the call where the host can see it, else at the next read. */
import { beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, ConvergenceError, ShapeError, TilegradError } from "../../src/errors";
import { init } from "../../src/node";
import { compile } from "../../src/plan/compile";
import type { Tensor } from "../../src/tensor/tensor";
import {
  type Cost,
  cosine,
  euclidean,
  freeSupportBarycenter,
  gromovWasserstein,
  pointCost,
  type SinkhornOptions,
  sinkhorn,
  sinkhornDivergence,
  sinkhornLowRank,
  sinkhornNewton,
  sinkhornUnbalanced,
  smoothOt,
  sparsityConstrainedOt,
  squaredEuclidean,
  type Weights,
} from "../../src/transport/index";
import { expectRejects, expectThrows } from "../harness";
import { drawPoints } from "../reference/transport/drawn";
import { upload, vector } from "./transportRun";

beforeAll(async () => {
  await init();
});

const points = (n: number, d = 2) => upload(drawPoints(n, d, n), [n, d]);
const cost = (): Cost => squaredEuclidean(points(3), points(2));

interface Call {
  readonly a?: Weights;
  readonly b?: Weights;
  readonly cost?: Cost;
  readonly options?: Partial<SinkhornOptions>;
}
const call = ({ a = null, b = null, cost: of = cost(), options = {} }: Call = {}) =>
  sinkhorn(a, b, of, { epsilon: 0.1, maxIterations: 20, ...options });

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

describe("at the call", () => {
  const options: readonly (readonly [string, Partial<SinkhornOptions>, RegExp])[] = [
    ["epsilon 0", { epsilon: 0 }, /epsilon/],
    ["a negative epsilon", { epsilon: -1 }, /epsilon/],
    ["an epsilon that is NaN", { epsilon: nan }, /epsilon/],
    ["an infinite epsilon", { epsilon: infinity }, /epsilon/],
    ["no epsilon", { epsilon: undefined as unknown as number }, /epsilon/],
    ["a negative tolerance", { tolerance: -1e-6 }, /tolerance/],
    ["a tolerance that is NaN", { tolerance: nan }, /tolerance/],
    ["no iterations", { maxIterations: 0 }, /maxIterations/],
    ["half an iteration", { maxIterations: 1.5 }, /maxIterations/],
    ["looks every 0 iterations", { checkEvery: 0 }, /checkEvery/],
    ["a relaxation of 2", { relaxation: 2 }, /relaxation/],
    ["a relaxation that is NaN", { relaxation: nan }, /relaxation/],
    ["a KL penalty of 0", { penalty: { kl: 0 } }, /kl/],
    ["a negative TV penalty", { penalty: { tv: -1 } }, /tv/],
    ["a penalty on one side that is NaN", { penalty: { b: { kl: nan } } }, /penalty of b/],
    ["scaling upwards", { epsilonScaling: { from: 1, decay: 1.5 } }, /decay/],
    ["scaling from NaN", { epsilonScaling: { from: nan } }, /from/],
    [
      "an unknown way to differentiate",
      { differentiation: "magic" as unknown as "implicit" },
      /differentiation/,
    ],
  ];
  test.each(options)("%s", (_, given, pattern) => {
    expectThrows(() => call({ options: given }), ArgumentError, pattern);
  });

  const arguments_: readonly (readonly [
    string,
    () => Call,
    typeof ArgumentError | typeof ShapeError,
    RegExp,
  ])[] = [
    [
      "a negative weight in an array",
      () => ({ a: [0.5, -0.1, 0.6] }),
      ArgumentError,
      /a\[1\].*-0\.1/,
    ],
    ["a weight in an array that is NaN", () => ({ b: [nan, 1] }), ArgumentError, /b\[0\].*NaN/],
    ["an infinite weight in an array", () => ({ b: [1, infinity] }), ArgumentError, /b\[1\]/],
    [
      "too many weights in an array",
      () => ({ a: [0.25, 0.25, 0.25, 0.25] }),
      ShapeError,
      /a.*4.*3/,
    ],
    ["too few weights in a tensor", () => ({ b: vector([1]) }), ShapeError, /b.*\[1\].*2/],
    ["weights that are one number", () => ({ a: upload([1], []) }), ShapeError, /a /],
    [
      "a matrix without columns",
      () => ({ cost: upload([], [3, 0]) }),
      ShapeError,
      /cost.*\[3, 0\]/,
    ],
    ["a cost that is a vector", () => ({ cost: vector([1, 2]) }), ShapeError, /cost.*\[2\]/],
    ["a cost that is nothing", () => ({ cost: null as unknown as Cost }), ArgumentError, /cost/],
    ["points alone", () => ({ cost: { x: points(3) } as unknown as Cost }), ArgumentError, /cost/],
    [
      "batches that do not broadcast",
      () => ({
        a: upload(new Array(6).fill(1 / 3), [2, 3]),
        cost: upload(new Array(18).fill(0), [3, 3, 2]),
      }),
      ShapeError,
      /broadcast|fit/,
    ],
    [
      "an initial potential of another length",
      () => ({ options: { initial: { f: vector([0, 0]) } } }),
      ShapeError,
      /initial\.f.*\[2\].*3/,
    ],
  ];
  test.each(arguments_)("%s", (_, given, kind, pattern) => {
    expectThrows(() => call(given()), kind, pattern);
  });

  test("a number in place of weights", () => {
    const one = 1 as unknown as Weights;
    const inName = (name: string) => new RegExp(`${name}: a is 1; weights are .*list`);
    expectThrows(() => call({ a: one }), ArgumentError, inName("transport.sinkhorn"));
    expectThrows(
      () => sinkhornLowRank(one, null, cost(), { rank: 1 }),
      ArgumentError,
      inName("transport.sinkhornLowRank"),
    );
  });

  test("no options of solvers that need some", () => {
    const none = undefined as never;
    expectThrows(() => sinkhornUnbalanced(null, null, cost(), none), ArgumentError, /rho: 1/);
    expectThrows(() => sparsityConstrainedOt(null, null, cost(), none), ArgumentError, /gamma/);
    expectThrows(() => smoothOt(null, null, cost(), none), ArgumentError, /gamma/);
    expectThrows(
      () => sinkhornDivergence(null, points(3), null, points(2), none),
      ArgumentError,
      /sinkhornDivergence: epsilon is missing/,
    );
  });

  test("weights of Gromov-Wasserstein have their own names", () => {
    const D = upload([0, 1, 1, 0], [2, 2]);
    expectThrows(
      () => gromovWasserstein(D, D, [2, -1], null, { epsilon: 0.1 }),
      ArgumentError,
      /gromovWasserstein: p\[1\] is -1/,
    );
  });

  test("points of free barycentres that differ in width", () => {
    expectThrows(
      () =>
        freeSupportBarycenter([{ x: points(3) }, { x: points(3, 3) }], { initial: 2, epsilon: 1 }),
      ShapeError,
      /measures\[1\]\.x.*\[3, 3\].*2 coordinates/,
    );
  });

  test("a convention that is none", () => {
    expectThrows(
      () => call().value({ convention: "other" as unknown as "relative" }),
      ArgumentError,
      /convention.*"relative" or "entropy"/,
    );
  });

  test("the entropy convention of an unbalanced problem", () => {
    expectThrows(
      () => call({ options: { penalty: { kl: 1 } } }).value({ convention: "entropy" }),
      ArgumentError,
      /entropy.*balanced/,
    );
  });

  test.each([
    [[3], /\[3\]/],
    [[2, 2, 1], /\[2, 2, 1\]/],
    [[], /\[\]/],
  ] as const)("a plan applied to what is not as long as its columns: %o", (shape, pattern) => {
    const size = (shape as readonly number[]).reduce((p, q) => p * q, 1);
    expectThrows(
      () => call().plan.apply(upload(new Float64Array(size), shape)),
      ShapeError,
      pattern,
    );
  });

  test.each([
    ["squaredEuclidean", squaredEuclidean],
    ["euclidean", euclidean],
    ["cosine", cosine],
  ] as const)("%s of points that do not fit", (name, make) => {
    const inName = new RegExp(name);
    expectThrows(() => make(points(3, 2), points(2, 3)), ShapeError, /wide/);
    expectThrows(() => make(points(3, 2), points(2, 3)), ShapeError, inName);
    expectThrows(() => make(vector([1, 2]), points(2)), ShapeError, /x .*\[2\]/);
    expectThrows(() => make(points(3), upload([], [0, 2])), ShapeError, /y .*\[0, 2\]/);
    expectThrows(() => make(null as never, points(2)), ArgumentError, /x /);
  });

  test("a cost in WGSL without a name or a term", () => {
    expectThrows(
      () => pointCost(points(2), points(2), { name: "two words", term: "x" }),
      ArgumentError,
      /name.*two words/,
    );
    expectThrows(
      () => pointCost(points(2), points(2), { name: "fine", term: "" }),
      ArgumentError,
      /term/,
    );
  });
});

describe("at the next read", () => {
  const faults: readonly (readonly [string, () => Call, typeof ArgumentError, RegExp])[] = [
    [
      "a negative weight",
      () => ({ a: vector([0.5, -0.1, 0.6]) }),
      ArgumentError,
      /\ba\b.*position 1.*problem 0/,
    ],
    ["a weight that is NaN", () => ({ b: vector([0.5, nan]) }), ArgumentError, /\bb\b.*position 1/],
    [
      "an infinite weight",
      () => ({ b: vector([infinity, 1]) }),
      ArgumentError,
      /\bb\b.*position 0/,
    ],
    ["no mass at all", () => ({ a: vector([0, 0, 0]), b: vector([0, 0]) }), ArgumentError, /all 0/],
    [
      "sums that differ",
      () => ({ a: vector([0.5, 0.5, 0.5]), b: vector([0.5, 0.5]) }),
      ArgumentError,
      /1\.5.*1\.0.*equal sums/,
    ],
    ["sums that differ, of arrays", () => ({ a: [1, 1, 1] }), ArgumentError, /equal sums.*penalty/],
  ];
  test("unbalanced problems and divergences name themselves", async () => {
    const few = { epsilon: 1e-3, maxIterations: 1, checkEvery: 1, tolerance: 1e-12, strict: true };
    await expectRejects(
      sinkhornUnbalanced(null, null, cost(), { ...few, rho: 1 }).f.data(),
      ConvergenceError,
      /^transport\.sinkhornUnbalanced: problem 0/,
    );
    await expectRejects(
      sinkhornDivergence(null, points(3), null, points(2), few).data(),
      ConvergenceError,
      /^transport\.sinkhornDivergence: problem 0/,
    );
  });

  test.each([nan, infinity])("a low-rank plan of costs or points that are %s", async (bad) => {
    const costs = upload([1, 2, bad, 4, 5, 6], [3, 2]);
    await expectRejects(
      sinkhornLowRank(null, null, costs, { rank: 1, maxIterations: 1 }).Q.data(),
      ArgumentError,
      /sinkhornLowRank: the costs of the matrix \[3, 2\].*column 0 of row 1/,
    );
    await expectRejects(
      sinkhornLowRank(null, null, squaredEuclidean(costs, points(2)), {
        ...{ rank: 1, maxIterations: 1 },
      }).Q.data(),
      ArgumentError,
      /sinkhornLowRank: the points x \[3, 2\].*coordinate 0 of point 1/,
    );
  });

  test.each(faults)("%s", async (_, given, kind, pattern) => {
    await expectRejects(call(given()).f.data(), kind, pattern);
  });

  test("the problem of a batch is named", async () => {
    const a = upload([0.5, 0.25, 0.25, 1, -1, 1, 0.5, 0.5, 0], [3, 3]);
    await expectRejects(call({ a }).f.data(), ArgumentError, /position 1 of problem 1/);
  });

  test("sums that differ are no error with a penalty, on either side", async () => {
    for (const penalty of [{ kl: 1 }, { tv: 1 }, { a: { kl: 1 } }, { b: { kl: 1 } }]) {
      const f = await call({ a: [1, 1, 1], options: { penalty } }).f.data();
      expect([...f].every(Number.isFinite)).toBe(true);
    }
  });

  test("a sum that differs by the rounding of f32 is none", async () => {
    const share = Math.fround(1 / 3);
    const result = call({ a: [share, share, share], b: [0.50001, 0.5] });
    expect([...(await result.f.data())].every(Number.isFinite)).toBe(true);
  });

  test.each([nan, -infinity])("a cost of %d", async (bad) => {
    await expectRejects(
      call({ cost: upload([0, 1, 2, bad, 4, 5], [3, 2]) }).f.data(),
      TilegradError,
      /row 1 and column 1/,
    );
  });

  const ways: readonly (readonly [string, (cost: Cost) => Tensor | Promise<{ f: Tensor }>])[] = [
    ["sinkhorn", (cost) => call({ cost }).f],
    ["sinkhorn", (cost) => call({ cost, options: { epsilon: 9 } }).f],
    ["sinkhorn", (cost) => call({ cost, options: { anderson: {} } }).f],
    ["sinkhorn", (cost) => call({ cost, options: { differentiation: "unrolled" } }).f],
    ["sinkhornNewton", (cost) => sinkhornNewton(null, null, cost, { epsilon: 0.1 })],
    ["smoothOt", (cost) => smoothOt(null, null, cost, { gamma: 1, maxIterations: 20 }).f],
  ];
  test.each(ways)("a row or column of %s that may go nowhere", async (name, solve) => {
    const at = (...where: number[]) =>
      upload(
        Array.from({ length: 9 }, (_, i) => (where.includes(i) ? infinity : i % 4)),
        [3, 3],
      );
    const read = async (cost: Cost): Promise<unknown> => {
      const found = await solve(cost);
      return ("f" in found ? found.f : found).data();
    };
    const says = (side: string) => new RegExp(`transport.${name}: ${side} of problem 0 .*Infinity`);
    await expectRejects(read(at(3, 4, 5)), ArgumentError, says("row 1"));
    await expectRejects(read(at(2, 5, 8)), ArgumentError, says("column 2"));
    await read(at(1, 5, 6));
  });

  test("a row without weight may go nowhere", async () => {
    const cost = upload([0, 1, infinity, infinity, 1, 0], [3, 2]);
    const solved = call({ a: [0.5, 0, 0.5], cost, options: { maxIterations: 100 } });
    expect(await solved.report()).toMatchObject([{ converged: true }]);
    expect((await solved.plan.dense().data())[2]).toBe(0);
  });

  test.each([nan, infinity])("points with a coordinate of %d", async (bad) => {
    const x = upload([0, 1, 0, bad, 1, 1], [3, 2]);
    await expectRejects(
      call({ cost: squaredEuclidean(x, points(2)) }).f.data(),
      ArgumentError,
      /points x \[3, 2\].*NaN or Infinity.*coordinate 1 of point 1/,
    );
    const many = upload([...drawPoints(4, 1, 1), bad, 0, 0, 0], [2, 2, 2]);
    await expectRejects(
      call({ cost: euclidean(points(3), many) }).f.data(),
      ArgumentError,
      /points y .*coordinate 0 of point 0 of problem 1/,
    );
  });

  test("the error of one problem is not that of the next", async () => {
    await expectRejects(call({ a: vector([-1, 1, 1]) }).f.data(), ArgumentError, /position 0/);
    expect([...(await call().f.data())].every(Number.isFinite)).toBe(true);
  });
});

describe("an iteration that does not converge", () => {
  const hard = { epsilon: 1e-3, maxIterations: 3 };
  const far = (): Cost => squaredEuclidean(points(33), points(32));

  test("says so, and how far it came", async () => {
    const [report] = await call({ cost: far(), options: hard }).report();
    expect(report).toMatchObject({ converged: false, iterations: 3 });
    expect(report!.marginalError).toBeGreaterThan(1e-2);
  });

  test("is an error under strict that names the limit, the error reached and the cures", async () => {
    await expectRejects(
      call({ cost: far(), options: { ...hard, strict: true } }).f.data(),
      ConvergenceError,
      /problem 0.*0\.\d+.*3 iterations.*0\.000001.*more iterations.*epsilon/s,
    );
  });

  test("of smooth and sparse transport is an error under strict, also in a compiled function", async () => {
    const cost = upload([1, 2, 3, 4, 1, 2, 2, 1, 0], [3, 3]);
    const few = { gamma: 1e-3, maxIterations: 3 };
    const smooth = (strict: boolean) => (c: Tensor) =>
      smoothOt(null, null, c, { ...few, strict }).transportCost();
    expect(await smooth(false)(cost).item()).toBeGreaterThan(0);
    const says = /smoothOt: problem 0 .*3 iterations.*0\.00001\..*larger gamma/;
    await expectRejects(smooth(true)(cost).item(), ConvergenceError, says);
    await expectRejects(compile(smooth(true))(cost).item(), ConvergenceError, says);
    const kink = { gamma: 1, maxNonzeros: 1, maxIterations: 300, strict: true };
    await expectRejects(
      sparsityConstrainedOt([0.5, 0.25, 0.25], null, cost, kink).f.data(),
      ConvergenceError,
      /sparsityConstrainedOt: problem 0 .*more nonzeros/,
    );
    const easy = smoothOt(null, null, cost, { gamma: 1, strict: true });
    expect(await easy.report()).toMatchObject([{ converged: true }]);
  });

  test("under strict names the problem of a batch, and is no error where all converged", async () => {
    const easy = new Array(4).fill(0.25);
    const cost = upload([...easy, ...[0, 9, 1, 0]], [2, 2, 2]);
    const options = { epsilon: 0.5, maxIterations: 40, strict: true, tolerance: 1e-6 };
    const a = upload([0.5, 0.5, 0.9, 0.1], [2, 2]);
    expect((await call({ a, cost, options }).report()).every(({ converged }) => converged)).toBe(
      true,
    );
    await expectRejects(
      call({ a, cost, options: { ...options, maxIterations: 3 } }).f.data(),
      ConvergenceError,
      /problem 1/,
    );
  });

  test("tolerance 0 is never reached, and all iterations run", async () => {
    const [report] = await call({ options: { tolerance: 0, maxIterations: 37 } }).report();
    expect(report!.iterations).toBe(37);
  });
});
