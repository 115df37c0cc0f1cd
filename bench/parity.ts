/**
 * The first training steps beside PyTorch: same initial weights, same batches, losses compared.
 *
 *   npm run bench -- parity [--text FILE] [--steps 20]
 *
 * Needs a Python with torch and numpy (Debian: python3-torch), named by --python (default
 * /usr/bin/python3). Exits with 1 if a loss differs by more than 1e-3. The control row compares a second
 * run of ours with the first: it must read 0.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { manualSeed } from "../src/nn/initialisers";
import { data, init, nn, optim, readAll, trainStep } from "../src/node";
import { encodeSafetensors, fromArray } from "../src/train/safetensors";

const { values: flags } = parseArgs({
  options: {
    text: { type: "string", default: "../shared/data/tinyshakespeare.txt" },
    steps: { type: "string", default: "20" },
    python: { type: "string", default: "/usr/bin/python3" },
  },
});
const steps = Number(flags.steps);
const [layers, heads, width, context, batch] = [4, 4, 128, 64, 12];
const optimizerOptions = { betas: [0.9, 0.99] as const, eps: 1e-8, clipGradNorm: 1 };
const lr = 1e-3;
const weightDecay = 0.1;

const device = await init();
const text = data.fromBytes(await readFile(flags.text), { name: flags.text });
const loader = text.loader({ batch, context, seed: 1 });
const batches = Array.from({ length: steps }, (_, i) => loader.at(i));

async function train(onInit?: (model: nn.GPT) => Promise<void>): Promise<number[]> {
  manualSeed(1);
  const model = new nn.GPT({ vocab: text.vocab, context, layers, heads, width, tiedHead: true });
  await onInit?.(model);
  const named = model.namedParameters();
  const optimizer = optim.adamw(
    [
      { params: named.filter(([, p]) => p.rank >= 2), weightDecay },
      { params: named.filter(([, p]) => p.rank < 2), weightDecay: 0 },
    ],
    { lr, ...optimizerOptions },
  );
  const step = trainStep<nn.GPT, (typeof batches)[number]>(
    model,
    optimizer,
    (m, { input, target }) =>
      nn.functional.crossEntropy(
        m.forward(input).reshape([batch * context, text.vocab]),
        target.reshape([batch * context]),
      ),
  );
  const losses: number[] = [];
  for (const b of batches) losses.push(await step(b).loss.item());
  optimizer.dispose();
  model.dispose();
  return losses;
}

const folder = await mkdtemp(path.join(tmpdir(), "tilegrad-parity-"));
const ours = await train(async (model) => {
  const named = model.namedParameters();
  const values = await readAll(named.map(([, p]) => p));
  await writeFile(
    path.join(folder, "init.safetensors"),
    encodeSafetensors(
      named.map(([key, p], i) => [
        key,
        fromArray("F32", p.shape, values[i] as Float32Array<ArrayBuffer>),
      ]),
    ),
  );
});
const again = await train();
const all = (role: "input" | "target") => {
  const joined = new Int32Array(steps * batch * context);
  for (const [i, b] of batches.entries()) joined.set(b[role].values, i * batch * context);
  return fromArray("I32", [steps, batch, context], joined);
};
await writeFile(
  path.join(folder, "batches.safetensors"),
  encodeSafetensors([
    ["input", all("input")],
    ["target", all("target")],
  ]),
);
await writeFile(
  path.join(folder, "config.json"),
  JSON.stringify({
    vocab: text.vocab,
    context,
    layers,
    heads,
    width,
    batch,
    steps,
    lrs: new Array(steps).fill(lr),
    betas: optimizerOptions.betas,
    eps: optimizerOptions.eps,
    weightDecay,
    clipGradNorm: optimizerOptions.clipGradNorm,
    tiedHead: true,
  }),
);
const peer = spawnSync(flags.python, ["bench/peers/gpt_torch.py", folder], { encoding: "utf8" });
await device.destroy();
if (peer.status !== 0) {
  console.error(`parity: ${flags.python} with torch is needed.\n${peer.stderr}`);
  process.exit(2);
}
const theirs = peer.stdout
  .trim()
  .split("\n")
  .map((line) => (JSON.parse(line) as { loss: number }).loss);
console.log("step      tilegrad       PyTorch      difference   control");
let worst = 0;
ours.forEach((loss, i) => {
  const difference = Math.abs(loss - theirs[i]!);
  worst = Math.max(worst, difference);
  const control = Math.abs(again[i]! - loss);
  console.log(
    `${String(i + 1).padStart(4)}  ${loss.toFixed(7)}  ${theirs[i]!.toFixed(7)}  ${difference.toExponential(2)}  ${control}`,
  );
});
console.log(`largest difference ${worst.toExponential(2)} (allowed 1e-3)`);
process.exit(worst <= 1e-3 ? 0 : 1);
