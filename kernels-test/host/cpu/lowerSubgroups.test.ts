/** Subgroups of four neighbours by local index, the last of a workgroup possibly smaller. */
import { describe, expect, test } from "vitest";
import { outputs } from "./runText";

const count = 6;
const lanes = Array.from({ length: count }, (_, i) => i);
/** What each invocation gives to the others. */
const given = (lane: number) => lane * 3 + 1;
const members = (lane: number) => lanes.filter((l) => l >> 2 === lane >> 2);
const values = (lane: number) => members(lane).map(given);

const run = (expression: string, body = "") =>
  outputs(
    `enable subgroups; diagnostic(off, subgroup_uniformity);
    @compute @workgroup_size(${count}) fn main(@builtin(local_invocation_index) lane: u32,
      @builtin(subgroup_invocation_id) id: u32, @builtin(subgroup_size) size: u32) {
      let x = lane * 3u + 1u; ${body} out[lane] = u32(${expression});
    }`,
    count,
  );

const sum = (numbers: readonly number[]) => numbers.reduce((p, q) => p + q, 0);
const product = (numbers: readonly number[]) => numbers.reduce((p, q) => p * q, 1);

describe("with a last subgroup of two", () => {
  test.each<[string, (lane: number) => number]>([
    ["id + size * 10u", (lane) => (lane & 3) + 40],
    ["subgroupAdd(x)", (lane) => sum(values(lane))],
    ["subgroupMul(f32(x))", (lane) => product(values(lane))],
    [
      "subgroupMin(x) + 100u * subgroupMax(x)",
      (lane) => Math.min(...values(lane)) + 100 * Math.max(...values(lane)),
    ],
    [
      "subgroupAnd(x) + 100u * subgroupOr(x)",
      (lane) => values(lane).reduce((p, q) => p & q) + 100 * values(lane).reduce((p, q) => p | q),
    ],
    ["subgroupXor(x)", (lane) => values(lane).reduce((p, q) => p ^ q)],
    [
      "subgroupExclusiveAdd(x)",
      (lane) =>
        sum(
          members(lane)
            .filter((l) => l < lane)
            .map(given),
        ),
    ],
    [
      "subgroupInclusiveAdd(x)",
      (lane) =>
        sum(
          members(lane)
            .filter((l) => l <= lane)
            .map(given),
        ),
    ],
    [
      "subgroupExclusiveMul(x)",
      (lane) =>
        product(
          members(lane)
            .filter((l) => l < lane)
            .map(given),
        ),
    ],
    [
      "subgroupInclusiveMul(i32(x))",
      (lane) =>
        product(
          members(lane)
            .filter((l) => l <= lane)
            .map(given),
        ),
    ],
    ["subgroupAll(x > 1u)", (lane) => +values(lane).every((x) => x > 1)],
    ["subgroupAny(x == 1u)", (lane) => +values(lane).includes(1)],
    ["subgroupElect()", (lane) => +(lane % 4 === 0)],
    [
      "subgroupBallot(x % 2u == 0u).x",
      (lane) =>
        sum(
          members(lane)
            .filter((l) => given(l) % 2 === 0)
            .map((l) => 1 << (l & 3)),
        ),
    ],
    ["subgroupBroadcast(x, 1u)", (lane) => given((lane & 4) + 1)],
    ["subgroupBroadcastFirst(x)", (lane) => given(lane & 4)],
    ["subgroupShuffle(x, (id + 1u) & 1u)", (lane) => given((lane & 4) + ((lane + 1) & 1))],
    ["subgroupShuffleXor(x, 1u)", (lane) => given(lane ^ 1)],
    ["select(subgroupShuffleUp(x, 1u), 0u, id == 0u)", (lane) => (lane % 4 ? given(lane - 1) : 0)],
    [
      "select(subgroupShuffleDown(x, 1u), 0u, id == 3u || lane == 5u)",
      (lane) => (lane % 4 === 3 || lane === 5 ? 0 : given(lane + 1)),
    ],
    [
      "dot(subgroupAdd(vec2f(f32(x), 1)), vec2f(1, 1000))",
      (lane) => sum(values(lane)) + 1000 * members(lane).length,
    ],
    [
      "subgroupAdd(subgroupAdd(x) + id)",
      (lane) => members(lane).length * sum(values(lane)) + sum(members(lane).map((l) => l & 3)),
    ],
  ])("%s", async (expression, expected) => {
    expect(await run(expression)).toEqual(lanes.map(expected));
  });

  test("values are kept, and loops run, around them", async () => {
    const body =
      "var s = 0u; var k = lane; for (var i = 0u; i < 3u; i++) { if (i == 1u) { continue; } s += subgroupAdd(k) + x; k += i; }";
    const expected = lanes.map((lane) => sum(members(lane)) * 2 + 2 * given(lane));
    expect(await run("s", body)).toEqual(expected);
  });

  test("a return behind them ends some invocations alone", async () => {
    expect(
      await run(
        "total + 1u",
        "let total = subgroupAdd(x); out[lane] = 7u; if (lane % 2u == 1u) { return; }",
      ),
    ).toEqual(lanes.map((lane) => (lane % 2 ? 7 : sum(values(lane)) + 1)));
  });
});

test.each([
  ["quadBroadcast(x, 2u)", (lane: number) => (lane & ~3) + 2],
  ["quadSwapX(x)", (lane: number) => lane ^ 1],
  ["quadSwapY(x)", (lane: number) => lane ^ 2],
  ["quadSwapDiagonal(x)", (lane: number) => lane ^ 3],
])("quads are subgroups: %s", async (expression, expected) => {
  const text = `enable subgroups;
    @compute @workgroup_size(2, 2, 2) fn main(@builtin(local_invocation_index) x: u32) { out[x] = ${expression}; }`;
  expect(await outputs(text, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(expected));
});
