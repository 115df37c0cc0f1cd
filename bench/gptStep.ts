/**
 * A GPT training step: time, host time, dispatches, submits, device memory over many steps.
 *
 *   npm run bench -- gptStep [--steps 1000] [--layers 4 --heads 4 --width 128 --context 64 --batch 12] [--eager]
 *
 * The control row is the same step timed twice in turn; its ratio shows the noise of the machine.
 */

import { parseArgs } from "node:util";
import { startTiming } from "../src/device/timing";
import { type HostTensor, init, memory, nn, optim, type TrainStep, trainStep } from "../src/node";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "1000" },
    layers: { type: "string", default: "4" },
    heads: { type: "string", default: "4" },
    width: { type: "string", default: "128" },
    context: { type: "string", default: "64" },
    batch: { type: "string", default: "12" },
    vocab: { type: "string", default: "65" },
    eager: { type: "boolean", default: false },
  },
});
const of = (name: Exclude<keyof typeof values, "eager">): number => Number(values[name]);

const device = await init();
const { executor } = device;
const [context, batch, vocab, steps] = [of("context"), of("batch"), of("vocab"), of("steps")];
const model = new nn.GPT({
  vocab,
  context,
  layers: of("layers"),
  heads: of("heads"),
  width: of("width"),
});
const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-3, clipGradNorm: 1 });

interface Batch {
  input: HostTensor;
  target: HostTensor;
}
const tokens = (step: number): Batch => {
  const shape = [batch, context];
  const fill = (shift: number) =>
    Int32Array.from({ length: batch * context }, (_, i) => (i * 7 + step + shift) % vocab);
  return { input: { values: fill(0), shape }, target: { values: fill(1), shape } };
};
const step: TrainStep<Batch> = trainStep(
  model,
  optimizer,
  (m, { input, target }) =>
    nn.functional.crossEntropy(
      m.forward(input).reshape([batch * context, vocab]),
      target.reshape([batch * context]),
    ),
  { compile: !values.eager },
);

const timed = async (count: number): Promise<number> => {
  await device.synchronize();
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    step(tokens(step.count));
    await executor.throttle(2);
  }
  await device.synchronize();
  return (performance.now() - start) / count;
};

await timed(10);
const atTen = memory();
const before = { ...executor.counters };
const per = await timed(10);
const counted = {
  dispatches: (executor.counters.dispatches - before.dispatches) / 10,
  // The waits before and after the timed steps submit once each.
  submits: (executor.counters.submits - before.submits - 2) / 10,
};
const control = await timed(10);
const host: number[] = [];
for (let i = 0; i < 10; i++) {
  const next = tokens(step.count);
  const start = performance.now();
  step(next);
  host.push(performance.now() - start);
  await device.synchronize();
}
console.log(`adapter            ${executor.adapter.description || executor.adapter.vendor}`);
console.log(`parameters         ${model.parameterCount}`);
console.log(
  `step               ${per.toFixed(1)} ms   control ratio ${(control / per).toFixed(3)}`,
);
console.log(`host time          ${host.sort((a, b) => a - b)[5]!.toFixed(2)} ms (median of 10)`);
console.log(`tokens/s           ${((batch * context * 1000) / per).toFixed(0)}`);
console.log(`dispatches/step    ${counted.dispatches}`);
console.log(`submits/step       ${counted.submits}`);

const stop = startTiming(executor);
step(tokens(step.count));
const timings = await stop();
const total = new Map<string, { calls: number; ms: number }>();
for (const { name, nanoseconds } of timings) {
  const row = total.get(name) ?? { calls: 0, ms: 0 };
  row.calls++;
  row.ms += nanoseconds / 1e6;
  total.set(name, row);
}
for (const [name, { calls, ms }] of [...total].sort((a, b) => b[1].ms - a[1].ms))
  console.log(
    `  ${name.padEnd(34)} ${String(calls).padStart(4)} calls ${ms.toFixed(2).padStart(9)} ms`,
  );

if (steps > step.count) await timed(steps - step.count);
const atEnd = memory();
console.log(
  `live bytes         step 10: ${atTen.liveBytes}   step ${step.count}: ${atEnd.liveBytes}`,
);
console.log(
  `live buffers       step 10: ${atTen.liveBuffers}   step ${step.count}: ${atEnd.liveBuffers}`,
);
console.log(
  `pooled bytes       step 10: ${atTen.pooledBytes}   step ${step.count}: ${atEnd.pooledBytes}`,
);
await device.destroy();
if (atEnd.liveBytes !== atTen.liveBytes || atEnd.liveBuffers !== atTen.liveBuffers) process.exit(1);
