/**
 * Writes PyTorch's losses of the first training steps, which every engine must have for its time to count.
 *
 *   npm run bench -- referenceLosses
 *
 * Needs /usr/bin/python3 with torch and numpy (Debian: python3-torch), and MNIST's digits under ../shared/data.
 */
import { writeFileSync } from "node:fs";
import { readCommandLine } from "./frame/commandLine";
import { enginesFor } from "./frame/engines";
import { forEngine, problemFolder, trainings } from "./frame/training";
import { batchCount, convNet } from "./peers/trainingProblems.mjs";

const options = readCommandLine(["--peers", "--adapter", "cpu", "--threads", "2"], []);
const torch = enginesFor(options, "cpu", "dist/bench").find(({ name }) => name === "PyTorch")!;
if (torch.missing) throw new Error(torch.missing);
const { gpt, digits } = trainings();
if (!digits.options["data"]) throw new Error("../shared/data has no MNIST.");
const madeUp = { ...digits, options: { ...convNet, data: null } };

const engine = torch.start();
const { version } = await engine.about();
const losses: Record<string, unknown> = { torch: version };
for (const [key, training] of Object.entries({ gpt, mnist: digits, madeUp })) {
  const folder = problemFolder(training);
  await engine.make(key, training.task, forEngine(training, "PyTorch", () => folder).options);
  losses[key] = await engine.call(key, "losses", batchCount);
}
engine.end();
writeFileSync("bench/frame/reference.json", `${JSON.stringify(losses, null, 2)}\n`);
console.log(losses);
