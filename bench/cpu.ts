/**
 * The CPU executor beside TensorFlow.js, jax-js (WebAssembly) and PyTorch: matrix products, GPT steps.
 *
 *   npm run bench -- cpu [--rounds 7] [--only matmul|gpt] [--python /usr/bin/python3] [--relaxed]
 *
 * Every engine runs in a process of its own, ours with one thread and with two. Each round runs all of them in
 * turn, so that other load on the machine meets all; the figures are medians, with the best round in
 * brackets, and their ratio to ours with one thread. `control` is ours with one thread measured once more in
 * each round: its ratio must read 1.0, or the differences beside it are noise.
 *
 * --relaxed adds ours with fused multiply-adds, which Node 20 has behind a flag that this bench passes on.
 */
import { parseArgs } from "node:util";
import { type HostTensor, init, matmul, nn, optim, random, trainStep } from "../src/node";
import { Peer } from "./peers/peer";
import { serve } from "./peers/serve.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    only: { type: "string" },
    python: { type: "string", default: "/usr/bin/python3" },
    relaxed: { type: "boolean", default: false },
    serve: { type: "boolean", default: false },
    threads: { type: "string", default: "1" },
  },
});

interface GptOptions {
  vocab: number;
  context: number;
  layers: number;
  heads: number;
  width: number;
  batch: number;
}

/** Our end of bench/peers/peer.ts. */
async function serveOurs(): Promise<void> {
  const device = await init({
    executor: "cpu",
    threads: Number(values.threads),
    relaxedSimd: values.relaxed,
  });
  await serve({
    async matmul({ size }: { size: number }) {
      const [a, b] = [0, 1].map((seed) => random.normal(random.key(seed), [size, size]));
      return async () => {
        matmul(a!, b!).dispose();
        await device.synchronize();
      };
    },
    async gpt({ vocab, context, batch, ...sizes }: GptOptions) {
      const model = new nn.GPT({ vocab, context, ...sizes });
      const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-3, clipGradNorm: 1 });
      const tokens = (shift: number): HostTensor => ({
        values: Int32Array.from({ length: batch * context }, (_, i) => (i * 7 + shift) % vocab),
        shape: [batch, context],
      });
      const data = { input: tokens(0), target: tokens(1) };
      const step = trainStep<nn.GPT, typeof data>(model, optimizer, (m, { input, target }) =>
        nn.functional.crossEntropy(
          m.forward(input).reshape([batch * context, vocab]),
          target.reshape([batch * context]),
        ),
      );
      return () => step(data).loss.item();
    },
  });
  await device.destroy();
}

interface Task {
  readonly kind: "matmul" | "gpt";
  readonly name: string;
  readonly options: object;
  readonly repeats: number;
  /** For a rate in GFLOP/s; null: milliseconds are shown. */
  readonly flops: number | null;
}

const tasks: readonly Task[] = [
  ...[256, 512, 1024].map(
    (size): Task => ({
      kind: "matmul",
      name: `matmul ${size}, GFLOP/s`,
      options: { size },
      repeats: Math.ceil(512 ** 3 / size ** 3),
      flops: 2 * size ** 3,
    }),
  ),
  {
    kind: "gpt",
    name: "GPT step, ms",
    options: { vocab: 65, context: 128, layers: 4, heads: 4, width: 128, batch: 8 },
    repeats: 1,
    flops: null,
  },
];

interface Engine {
  readonly peer: Peer;
  readonly kinds: readonly Task["kind"][];
  /** Added to a task's options. */
  readonly options: object;
  readonly label: string;
}

function engines(): Engine[] {
  const both = ["matmul", "gpt"] as const;
  const ours = (threads: number, ...flags: string[]): Peer =>
    new Peer("tilegrad", [
      process.execPath,
      ...(flags.length > 0 ? ["--experimental-wasm-relaxed-simd"] : []),
      process.argv[1]!,
      "--serve",
      "--threads",
      String(threads),
      ...flags,
    ]);
  const one = ours(1);
  const torch = Peer.torch(values.python);
  return [
    { label: "tilegrad", peer: one, kinds: both, options: {} },
    { label: "control", peer: one, kinds: both, options: {} },
    { label: "2 threads", peer: ours(2), kinds: both, options: {} },
    ...(values.relaxed
      ? [{ label: "relaxed", peer: ours(1, "--relaxed"), kinds: both, options: {} }]
      : []),
    {
      label: "TensorFlow.js",
      peer: Peer.node("TensorFlow.js", "tfjs.mjs"),
      kinds: ["matmul"],
      options: {},
    },
    { label: "jax-js", peer: Peer.node("jax-js", "jax.mjs"), kinds: both, options: {} },
    ...[1, 2].flatMap((threads) =>
      torch
        ? [{ label: `PyTorch ${threads}`, peer: torch, kinds: both, options: { threads } }]
        : [],
    ),
  ];
}

const median = (list: readonly number[]): number =>
  [...list].sort((x, y) => x - y)[list.length >> 1]!;

async function compare(): Promise<void> {
  const all = engines();
  for (const task of tasks) {
    if (values.only && values.only !== task.kind) continue;
    const running = all.filter(({ kinds }) => kinds.includes(task.kind));
    const times = running.map((): number[] => []);
    const once = ({ peer, options }: Engine, repeats: number) =>
      peer.time(task.kind, { ...task.options, ...options }, repeats);
    for (const engine of running) await once(engine, 1);
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [i, engine] of running.entries()) times[i]!.push(await once(engine, task.repeats));
    const show = (ms: number) => (task.flops ? task.flops / ms / 1e6 : ms).toFixed(1);
    console.log(task.name);
    for (const [i, { label }] of running.entries()) {
      const figure = `${show(median(times[i]!)).padStart(8)} (${show(Math.min(...times[i]!))})`;
      const ratio = (median(times[0]!) / median(times[i]!)).toFixed(2);
      console.log(`  ${label.padEnd(14)}${figure.padEnd(20)} ${ratio} times as fast`);
    }
  }
  for (const { peer } of all) peer.end();
}

await (values.serve ? serveOurs() : compare());
