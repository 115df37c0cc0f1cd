/**
 * The operations of the training run of trainingRun.ts one by one, on the same inputs, for tests that say which of
 * them have other bits on another driver. A step of AdamW is one of them.
 */
import type { InitOptions } from "../src/init";
import type { Tensor } from "../src/tensor/tensor";
import type { Tilegrad } from "./caseModules";
import { direction } from "./harness";

type Operation = (tg: Tilegrad, x: Tensor, y: Tensor) => Tensor;

/** Parameters after two steps with the gradient `x`: the second reads what the first wrote. */
function adamwStep(tg: Tilegrad, x: Tensor, state: "f32" | "8bit" = "f32"): Tensor {
  const parameter = tg.nn.Parameter.of(direction(x.size, 12), x.shape);
  const optimizer = tg.optim.adamw([["weight", parameter]], { lr: 0.01, state });
  for (let i = 0; i < 2; i++) optimizer.step([x]);
  return tg.contiguous(parameter);
}

/** `x` in [-4, 4), `y` in [0.5, 2.5), both [32, 64]. */
const operations: Readonly<Record<string, Operation>> = {
  add: (_tg, x, y) => x.add(y),
  mul: (_tg, x, y) => x.mul(y),
  "mul, then add": (_tg, x, y) => x.mul(y).add(x),
  div: (_tg, x, y) => x.div(y),
  "div by a number": (_tg, x) => x.div(3),
  sqrt: (_tg, _x, y) => y.sqrt(),
  rsqrt: (_tg, _x, y) => y.rsqrt(),
  exp: (_tg, x) => x.exp(),
  log: (_tg, _x, y) => y.log(),
  tanh: (_tg, x) => x.tanh(),
  erf: (_tg, x) => x.erf(),
  gelu: (tg, x) => tg.nn.functional.gelu(x),
  sum: (_tg, x) => x.sum({ dim: 1 }),
  max: (_tg, x) => x.max({ dim: 1 }),
  matmul: (_tg, x, y) => x.matmul(y.transpose(0, 1)),
  "cross-entropy": (tg, x) =>
    tg.nn.functional.crossEntropy(x, tg.tensor(new Int32Array(32)), {
      reduction: "none",
    }),
  softmax: (_tg, x) => x.softmax(1),
  "layer norm": (tg, x) => tg.nn.functional.layerNorm(x, [64]),
  "random integers": (tg) => tg.random.randint(tg.random.key(5), 0, 1000, [2048]),
  uniform: (tg) => tg.random.uniform(tg.random.key(5), [2048]),
  "step of AdamW": (tg, x) => adamwStep(tg, x),
  "step of AdamW, 8-bit states": (tg, x) => adamwStep(tg, x, "8bit"),
  normal: (tg) => tg.random.normal(tg.random.key(5), [2048]),
};

/** The bits of each operation's results, by its name. */
export async function runOperations(
  tg: Tilegrad,
  options: InitOptions,
): Promise<Record<string, number[]>> {
  const device = await tg.init({ cache: false, ...options });
  try {
    const given = direction(2 * 32 * 64, 11);
    const x = tg.tensor(
      given.subarray(0, 2048).map((v) => 4 * v),
      { shape: [32, 64] },
    );
    const y = tg.tensor(
      given.subarray(2048).map((v) => v + 1.5),
      { shape: [32, 64] },
    );
    const bits: Record<string, number[]> = {};
    for (const [name, run] of Object.entries(operations)) {
      const values = Float32Array.from(await tg.contiguous(run(tg, x, y)).data());
      bits[name] = [...new Uint32Array(values.buffer)];
    }
    return bits;
  } finally {
    await device.destroy();
  }
}
