import type { Bench, Suite, Turn } from "../frame/bench";
import { forEngine, problemFolder, trainings } from "../frame/training";

/** Steps before the peak is read: a pool has seen all it will see. */
const steps = 4;

async function run(bench: Bench): Promise<void> {
  const suite = "memory";
  const { gpt } = trainings();
  const folder = problemFolder(gpt);
  const found = { buffers: [] as Turn[], resident: [] as Turn[] };
  const control = { ...bench.ours };
  for (const kind of [...bench.engines, control]) {
    const [running] = await bench.start(suite, [kind]);
    if (!running) continue;
    const { engine } = running;
    try {
      const { task, options } = forEngine(gpt, kind.name, () => folder);
      if (!(await engine.make("step", task, options))) continue;
      await engine.call("step", "losses", steps);
      const { buffers, resident } = await engine.memory();
      const label = kind === control ? "control" : kind.name;
      const turn = { label, kind, engine, key: "step", failure: null };
      if (buffers) found.buffers.push({ ...turn, samples: [buffers] });
      if (resident) found.resident.push({ ...turn, samples: [resident] });
    } catch (error) {
      bench.without(suite, "peak", kind, `fails: ${error}`);
    } finally {
      engine.end();
    }
  }
  const bytes = (): { unit: string } => ({ unit: "bytes" });
  bench.report(suite, "device buffers at most", found.buffers, bytes);
  bench.report(suite, "resident at most, above start", found.resident, bytes);
}

export const memory: Suite = {
  name: "memory",
  summary: "Peak bytes of the tiny GPT's training step: of device buffers, and of the process.",
  run,
};
