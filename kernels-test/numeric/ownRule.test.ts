/** A rule and a schedule that a program brings itself, through what the package exports. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { CheckpointError } from "../../src/errors";
import * as tg from "../../src/node";
import { expectThrows } from "../harness";

let device: tg.Device;
beforeAll(async () => {
  device = await tg.init();
});
afterAll(() => device.destroy());

const { optim } = tg;

/** SGD with momentum, `beta`, times a factor that is written into the text. */
const draft = (factor: string): tg.optim.Rule<{ beta: number }> => ({
  name: "draft",
  formula: "m = b m + g;  p -= lr factor m",
  text: `
    fn rule_draft(e: Elements, g: vec4<f32>, s: Scalars) -> Elements {
      let m = s.constants.x * e.first + g;
      return Elements(e.parameter - s.lr * ${factor} * m, m, e.second, e.third, e.fourth);
    }`,
  function: () => "rule_draft",
  defaults: { beta: 0.5 },
  defaultRate: 0.1,
  defaultWeightDecay: 0,
  decay: "decoupled",
  check() {},
  states: () => [{ name: "momentum_buffer", kind: "signed" }],
  constants: ({ beta }) => [beta],
  perStep: () => [],
});

const parameter = () => tg.nn.Parameter.of([1, 2], [2]);
const gradient = () => tg.ones([2]);

test("a rule of one's own runs with its options by group, and drafts with one name do not mix", async () => {
  for (const factor of ["1.0", "2.0", "1.0"]) {
    const [p, q] = [parameter(), parameter()];
    const optimizer = optim.Optimizer.create(
      draft(factor),
      [{ params: [["p", p]] }, { params: [["q", q]], beta: 0, lr: 1 }],
      { lr: 0.5 },
    );
    for (let i = 0; i < 2; i++) optimizer.step([gradient(), gradient()]);
    const moved = 0.5 * (1 + 1.5) * Number(factor);
    expect([...(await p.data())]).toEqual([1 - moved, 2 - moved]);
    expect([...(await q.data())]).toEqual([1 - 2 * Number(factor), 2 - 2 * Number(factor)]);
    optimizer.dispose();
  }
});

test("its states are stored in 8 bits as those of other rules", async () => {
  const optimizer = optim.Optimizer.create(
    draft("1.0"),
    [tg.nn.Parameter.of(new Float32Array(4096), [64, 64])],
    { state: "8bit" },
  );
  const { tensors } = await optimizer.state();
  expect(Object.keys(tensors).some((key) => key.includes("momentum_buffer"))).toBe(true);
  expect(Object.values(tensors).some(({ dtype }) => dtype === "u32")).toBe(true);
  optimizer.dispose();
});

test("a schedule of one's own is gone on with by an optimizer that has it, and by no other", async () => {
  const { custom, warmup, constant } = optim.schedule;
  const make = (lr: tg.optim.Schedule) => optim.sgd([parameter()], { lr });
  const slow = () =>
    warmup(
      custom("slow", (step) => 1 / (step + 1)),
      { steps: 2 },
    );
  const first = make(slow());
  for (let i = 0; i < 3; i++) first.step([gradient()]);
  const state = JSON.parse(JSON.stringify((await first.state()).scalars));
  const second = make(slow());
  second.loadState({ tensors: {}, scalars: state });
  expect([first.learningRate, second.learningRate]).toEqual([0.5, 0.5]);
  const other = make(constant(1));
  expectThrows(
    () => other.loadState({ tensors: {}, scalars: state }),
    CheckpointError,
    /schedule\.custom\("slow", …\)/,
  );
  expect(other.learningRate).toBe(1);
});
