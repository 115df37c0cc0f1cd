/**
 * The bound on submits: what a training step costs without it and with it.
 *
 *   npm run bench -- longSubmits [--bound 250] [--rounds 40] [--width 64] [--context 32]
 *
 * The step is that of a GPT of 2 layers, planned, on three devices of one adapter in turn: without a bound, without
 * one again (the control, whose ratio must read 1.0, or the difference beside it is noise), and with one of `--bound`
 * milliseconds. `host` is the time until the step is submitted, `in all` until it has run; medians, with the least
 * in brackets, and the ratio of medians to the first.
 */
import { parseArgs } from "node:util";
import { init, nn, optim, setCurrentDevice, type Tensor, tensor, trainStep } from "../src/node";

const { values } = parseArgs({
  options: {
    bound: { type: "string", default: "250" },
    rounds: { type: "string", default: "40" },
    width: { type: "string", default: "64" },
    context: { type: "string", default: "32" },
  },
});
const [rounds, width, context] = [values.rounds, values.width, values.context].map(Number) as [
  number,
  number,
  number,
];
const [vocab, batch] = [64, 8];

async function wayOf(name: string, longestSubmit: number) {
  const device = await init({ executor: "webgpu", longestSubmit });
  const model = new nn.GPT({ vocab, context, layers: 2, heads: 4, width });
  const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-3 });
  const step = trainStep(model, optimizer, (m, { input, target }: Record<string, Tensor>) =>
    nn.functional.crossEntropy(m.forward(input!).reshape([-1, vocab]), target!.reshape([-1])),
  );
  const tokens = Int32Array.from({ length: batch * context }, (_, i) => (i * 31) % vocab);
  const host: number[] = [];
  const all: number[] = [];
  const input = tensor(tokens, { shape: [batch, context] });
  return { name, device, step: () => step({ input, target: input }), host, all };
}

const none = Number.POSITIVE_INFINITY;
const ways = [
  await wayOf("no bound", none),
  await wayOf("control", none),
  await wayOf(`${values.bound} ms`, Number(values.bound)),
];
for (let round = -5; round < rounds; round++)
  for (const turn of ways.keys()) {
    const way = ways[round % 2 ? turn : ways.length - 1 - turn]!;
    setCurrentDevice(way.device);
    const began = performance.now();
    way.step();
    const submitted = performance.now();
    await way.device.executor.drain();
    if (round < 0) continue;
    way.host.push(submitted - began);
    way.all.push(performance.now() - began);
  }

const sorted = (list: readonly number[]): number[] => [...list].sort((x, y) => x - y);
const median = (list: readonly number[]): number => sorted(list)[list.length >> 1]!;
const figure = (list: readonly number[], first: readonly number[]): string =>
  `${median(list).toFixed(2)} (${Math.min(...list).toFixed(2)})`.padStart(18) +
  (median(list) / median(first)).toFixed(2).padStart(7);

const [first] = ways;
const { adapter } = first!.device.executor;
console.log(`adapter ${adapter.description || adapter.vendor}, ${rounds} steps`);
console.log("milliseconds a step         host  ratio            in all  ratio   submits");
for (const { name, device, host, all } of ways) {
  const submits = device.executor.counters.submits / (rounds + 5);
  const line = `${figure(host, first!.host)}${figure(all, first!.all)}`;
  console.log(`${name.padEnd(14)}${line}${submits.toFixed(1).padStart(10)}`);
}
for (const { device } of ways) await device.destroy();
