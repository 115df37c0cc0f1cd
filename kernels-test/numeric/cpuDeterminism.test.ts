/** The training run of trainingRun.ts on the CPU executor, whatever the tier's own adapter is. */
import { describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { committedDigest, type RunResult, runTraining, totalSteps } from "../trainingRun";

const finished = new Map<number, Promise<RunResult>>();

/** The whole run with that many threads, made once. */
function whole(threads: number): Promise<RunResult> {
  const run = finished.get(threads) ?? runTraining(tg, { device: { threads } });
  finished.set(threads, run);
  return run;
}

describe("200 steps of training", () => {
  test.each([
    [0, "on the calling thread"],
    [1, "1 thread"],
    [2, "2 threads"],
    [4, "4 threads"],
  ])("with threads: %i have the committed bits", async (threads, where) => {
    const { digest, losses, description } = await whole(threads);
    expect(description).toMatch(new RegExp(`${where}$`));
    expect(losses).toHaveLength(totalSteps);
    expect(digest).toBe(committedDigest);
  });

  test("learn, so that equal bits say something", async () => {
    const { losses } = await whole(2);
    const values = new Float32Array(Uint32Array.from(losses).buffer);
    expect(values[0]).toBeGreaterThan(3);
    expect(values.at(-1)).toBeLessThan(1.8);
  });

  test("stopped after 100 and resumed with other threads have the bits of a run that was not", async () => {
    const expected = await whole(2);
    for (const [before, after] of [
      [1, 4],
      [4, 0],
    ] as const) {
      const first = await runTraining(tg, { device: { threads: before }, until: 100 });
      const rest = await runTraining(tg, {
        device: { threads: after },
        from: first.checkpoint,
      });
      expect([...first.losses, ...rest.losses]).toEqual(expected.losses);
      expect(rest.checkpoint).toEqual(expected.checkpoint);
    }
  });
});
