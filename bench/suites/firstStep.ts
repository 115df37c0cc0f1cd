import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Bench, Suite, Turn } from "../frame/bench";
import { forEngine, problemFolder, trainings } from "../frame/training";

/** A new cache folder of the driver's and of our CPU executor's. */
async function withCache<T>(use: (env: Record<string, string>) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), "tilegrad-cache-"));
  try {
    return await use({ XDG_CACHE_HOME: folder, MESA_SHADER_CACHE_DIR: folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(bench: Bench): Promise<void> {
  const suite = "firstStep";
  const { gpt } = trainings();
  const folder = problemFolder(gpt);
  const rounds = bench.options.quick ? 1 : 3;
  const measured = { cold: new Map<string, Turn>(), warm: new Map<string, Turn>() };
  const own = { ...bench.ours };
  const kinds = [...bench.compared, own];
  const failed = new Set<string>();

  for (let round = 0; round < rounds; round++)
    for (const kind of kinds) {
      const label = kind === own ? "control" : kind.name;
      if (failed.has(label)) continue;
      const first = async (env: Record<string, string>): Promise<Turn | null> => {
        const [running] = await bench.start(suite, [kind], env);
        if (!running) return null;
        try {
          const { task, options } = forEngine(gpt, kind.name, () => folder);
          const known = await running.engine.make("first", task, options);
          const samples = known ? [await running.engine.first("first")] : [];
          return { label, kind, engine: running.engine, key: "first", samples, failure: null };
        } catch (error) {
          bench.without(suite, "cold", kind, `fails: ${error}`);
          return null;
        } finally {
          running.engine.end();
        }
      };
      await withCache(async (env) => {
        const cold = await first({ ...env, MESA_SHADER_CACHE_DISABLE: "true" });
        // Fills the cache, which the next finds.
        const filled = cold && (await first(env));
        const warm = filled && (await first(env));
        if (!cold || !warm) {
          failed.add(label);
          return;
        }
        for (const [name, turn] of Object.entries({ cold, warm }))
          measured[name as "cold" | "warm"].set(label, {
            ...turn,
            samples: [
              ...(measured[name as "cold" | "warm"].get(label)?.samples ?? []),
              ...turn.samples,
            ],
          });
      });
    }
  for (const [name, turns] of Object.entries(measured))
    bench.report(suite, name, [...turns.values()]);
}

export const firstStep: Suite = {
  name: "firstStep",
  summary:
    "The first step of the tiny GPT in a new process: tracing, planning, compiling; cold and warm.",
  run,
};
