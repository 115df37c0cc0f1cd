/**
 * Optimizer steps over 10 million parameters in 48 tensors, beside a kernel that copies memory on the same adapter.
 *
 *   npm run bench -- updates [--rounds 9] [--rules adamw,lion,…]      TILEGRAD_ADAPTER chooses the adapter
 *
 * `bytes` is what an update has to move per element: parameter and gradient in f32, each state in its format, all
 * but the gradient read and written. `of copy` is the update's bytes per second over those of shaders/profile/copy,
 * which must be at least 0.80 for AdamW and Lion in f32. `step` is the whole step: norms, decision, measures, update.
 * Figures are medians of rounds in which all rows run in turn; `control`, the copy again, must read 1.00.
 */

import { parseArgs } from "node:util";
import { startTiming } from "../src/device/timing";
import { gridFor, launch, profileCopy } from "../src/kernels";
import { init, nn, random } from "../src/node";
import { registry } from "../src/optim/rules/registry";
import { scope } from "../src/tensor/scope";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    rules: { type: "string", default: "adamw,lion" },
  },
});
const [tensors, rows, width] = [48, 456, 457];
const elements = tensors * rows * width;
const device = await init();
const { executor, pool } = device;

/** Seconds on the device of the dispatches whose name fits, and of all. */
async function timed(run: () => void, fits: (name: string) => boolean) {
  const stop = startTiming(executor);
  run();
  const times = await stop();
  const sum = (list: typeof times): number => list.reduce((s, t) => s + t.nanoseconds, 0) / 1e9;
  return { own: sum(times.filter((t) => fits(t.name))), all: sum(times), dispatches: times.length };
}

const copied = 64 * 2 ** 20;
const [source, sink] = ["source", "sink"].map((label) => pool.allocate(copied, label));
const copy = (run: number) => () =>
  timed(
    () =>
      launch(
        device,
        profileCopy,
        {
          x: { buffer: source!, offset: 0, bytes: copied },
          y: { buffer: sink!, offset: 0, bytes: copied },
        },
        { count: copied / 16 },
        gridFor(device, copied / 16 / run, 64),
        { overrides: { RUN: run } },
      ),
    () => true,
  );

/** The copy whose vec4s per invocation suit the adapter best. */
async function fastestCopy() {
  const tried = [1, 4, 16].map(copy);
  const times: number[] = [];
  for (const run of [...tried, ...tried]) times.push((await run()).own);
  const again = times.slice(tried.length);
  return tried[again.indexOf(Math.min(...again))]!;
}
const best = await fastestCopy();

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly run: () => ReturnType<typeof timed>;
}

const perState = { f32: 8, bf16: 4, "8bit": 2 + 8 / 256 } as const;

function update(name: string, state: keyof typeof perState): Row {
  const { rule, make } = registry.find((entry) => entry.rule.name === name)!;
  const model = new nn.ModuleList(
    Array.from({ length: tensors }, () => new nn.Linear(width, rows, { bias: false })),
  );
  const optimizer = make(model.namedParameters(), { lr: 1e-6, state });
  scope(() => {
    const gradients = optimizer.parameters.map((p) => random.normal(random.key(2), p.shape));
    optimizer.step(gradients);
  });
  const states = "text" in rule ? rule.states(rule.defaults).length : 0;
  return {
    name: `${name} ${state}`,
    bytes: elements * (12 + states * perState[state]),
    run: () =>
      timed(
        () => optimizer.step(),
        (kernel) => kernel.startsWith("optim/update"),
      ),
  };
}

const updates = values.rules
  .split(",")
  .flatMap((name) => (["f32", "bf16", "8bit"] as const).map((state) => update(name, state)));
const all: Row[] = [
  { name: "copy", bytes: 2 * copied, run: best },
  { name: "control", bytes: 2 * copied, run: best },
  ...updates,
];
const results = all.map(() => ({ rates: [] as number[], steps: [] as number[], dispatches: 0 }));
for (const row of all) await row.run();
for (let round = 0; round < Number(values.rounds); round++)
  for (const [i, row] of all.entries()) {
    const { own, all: whole, dispatches } = await row.run();
    results[i]!.rates.push(row.bytes / own / 1e9);
    results[i]!.steps.push(whole * 1e3);
    results[i]!.dispatches = dispatches;
  }

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[list.length >> 1]!;
const against = median(results[0]!.rates);
console.log(`${elements} parameters in ${tensors} tensors, ${executor.adapter.description}`);
console.log("row                  bytes/elem     GB/s  of copy   step ms  dispatches");
all.forEach(({ name, bytes }, i) => {
  const { rates, steps, dispatches } = results[i]!;
  const rate = median(rates);
  console.log(
    [
      name.padEnd(20),
      (i < 2 ? 8 : bytes / elements).toFixed(2).padStart(10),
      rate.toFixed(1).padStart(9),
      (rate / against).toFixed(2).padStart(8),
      median(steps).toFixed(2).padStart(9),
      String(dispatches).padStart(11),
    ].join(" "),
  );
});
await device.destroy();
