/** What a program without types gets wrong: refused with the cure, where it would go on with wrong numbers. */
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors";
import * as tg from "../../src/node";
import { expectThrows } from "../harness";

let device: tg.Device;
beforeAll(async () => {
  device = await tg.init();
});
afterAll(() => device.destroy());

/** As JavaScript has it: without types. */
// biome-ignore lint/suspicious/noExplicitAny: what is passed is wrong on purpose
const untyped = (value: unknown) => value as any;

const model = () => new tg.nn.Linear(2, 1);
const batch = {
  input: { values: Float32Array.of(1, 2), shape: [1, 2] },
  target: { values: Float32Array.of(1), shape: [1, 1] },
};
const stepWith = (loss: unknown) => {
  const m = model();
  return tg.trainStep(m, tg.optim.sgd(m.parameters()), untyped(loss))(batch);
};

test("a tensor is no number", () => {
  const x = untyped(tg.tensor(2));
  const message = /^Tensor\(f32, \[\]\) is no number\. .*await x\.item\(\)/;
  for (const compute of [() => x < 1, () => x * 2, () => +x, () => x + 1, () => x - 1])
    expectThrows(compute, ArgumentError, message);
  expect(`${x}`).toBe("Tensor(f32, [])");
});

test("a tensor is shown by its type and shape, and is not written as JSON", () => {
  const m = model();
  expect(inspect(m)).toBe("Linear { weight: Tensor(f32, [1, 2]), bias: Tensor(f32, [1]) }");
  expectThrows(() => JSON.stringify({ m }), ArgumentError, /Tensor.*await x\.toArray\(\)/);
});

test.each<[string, () => unknown, RegExp]>([
  ["a group misspelt", () => tg.optim.adamw(untyped([{ parms: [] }])), /A group is \{ params/],
  ["a list of layers", () => new tg.nn.Sequential(untyped([model()])), /layer 0 is a list/],
  [
    "arrays for a tensor",
    () => model().forward(untyped([[1, 2]])),
    /linear: got .* in place of a tensor/,
  ],
  ["no loss", () => stepWith(() => {}), /loss function returned undefined/],
  [
    "an async loss",
    () => stepWith(async () => tg.ones([])),
    /returned \[object Promise\].*not async/,
  ],
  [
    "a plain array with a shape",
    () => tg.toDevice({ input: { values: [1, 2], shape: [2] } }),
    /Float32Array\.from\(values\)/,
  ],
])("%s is refused", (_, call, message) => {
  expectThrows(call, ArgumentError, message);
});

test("an option that init does not have is refused", async () => {
  await expect(tg.init(untyped({ device: "cpu" }))).rejects.toThrow(/no option device; .*executor/);
});

test("an async function is refused once, whatever becomes of its promise", async () => {
  const unheard: unknown[] = [];
  const note = (reason: unknown) => void unheard.push(reason);
  process.on("unhandledRejection", note);
  const read = untyped((x: tg.Tensor) => x.sum().item());
  for (const call of [() => tg.grad(read)(tg.ones([2])), () => tg.compile(read)(tg.ones([2]))])
    expectThrows(call, ArgumentError, /is async/);
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("unhandledRejection", note);
  expect(unheard).toEqual([]);
});
