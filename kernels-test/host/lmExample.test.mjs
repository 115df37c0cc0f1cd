/** examples/lm in Node: its run as a module, and the command as a reader runs it, on the built library. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { init } from "tilegrad/functions";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { memoryOf } from "../../examples/lm/memory.js";
import { readText, TrainingSession } from "../../examples/lm/session.js";
import { optimizers, readSettings, states } from "../../examples/lm/settings.js";
import { story } from "../../examples/lm/story.js";
import { nodeExample } from "./nodeExample.mjs";

const patience = 60_000;

let device;
beforeAll(async () => {
  device = await init({ executor: "cpu", threads: 0 });
});
afterAll(() => device.destroy());

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tilegrad-lm-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = nodeExample("lm");

/** Trains until `step`. */
async function trainTo(session, step) {
  const stopping = new AbortController();
  await session.run({
    signal: stopping.signal,
    onStep: ({ step: done }) => {
      if (done >= step) stopping.abort();
    },
  });
}

describe("a run", () => {
  test.each(Object.keys(optimizers))(
    "of %s that goes on from its checkpoint ends with the same bytes, in f32 and 8-bit states",
    async (optimizer) => {
      for (const state of Object.keys(states)) {
        const settings = { optimizer, state, steps: 10 };
        const straight = new TrainingSession(story(3000), settings);
        await straight.run();
        const broken = new TrainingSession(story(3000), settings);
        await trainTo(broken, 5);
        expect(broken.step).toBe(5);
        const resumed = TrainingSession.open(await broken.encode(), "half");
        broken.dispose();
        expect([resumed.step, resumed.curve.length]).toEqual([5, 2]);
        await resumed.run();
        expect(resumed.finished).toBe(true);
        expect(Buffer.from(await resumed.encode()).equals(await straight.encode())).toBe(true);
        expect(await resumed.sample(20)).toBe(await straight.sample(20));
        straight.dispose();
        resumed.dispose();
      }
    },
    patience,
  );

  test("frees all it took", async () => {
    const before = device.pool.report().liveBytes;
    const session = new TrainingSession(story(3000), { steps: 5 });
    await session.run();
    await session.sample(3);
    session.dispose();
    expect(device.pool.report().liveBytes).toBe(before);
  });

  test("takes the memory that was predicted, to 5 %", async () => {
    for (const state of Object.keys(states)) {
      const before = device.pool.report().liveBytes;
      const session = new TrainingSession(story(3000), { size: "medium", steps: 2, state });
      const { total, parameters } = memoryOf(session.settings, session.dataset.vocab);
      await session.run();
      const taken = device.pool.report().liveBytes - before;
      expect(parameters).toBe(session.model.parameterCount);
      expect(Math.abs(taken / total - 1)).toBeLessThan(0.05);
      session.dispose();
    }
  });

  test("refuses what it cannot train on, in words", async () => {
    expect(() => new TrainingSession("abc")).toThrow(/^The text is too short: it has 3 characters/);
    expect(() => new TrainingSession("")).toThrow(/it has 0 characters/);
    expect(() => readSettings({ size: "huge" })).toThrow(
      'There is no size "huge". There are: small, medium, large.',
    );
    expect(() => readSettings({ steps: 0 })).toThrow("Steps are a whole number from 1 to 100,000.");
    await expect(readText(new Blob([new Uint8Array([0xe9])]), "old.txt")).rejects.toThrow(
      "old.txt is no text in UTF-8.",
    );
    const large = { size: 5 * 2 ** 20 };
    await expect(readText(large, "large.txt")).rejects.toThrow("large.txt has 5.0 MB");
  });
});

describe("node examples/lm", () => {
  test(
    "prints losses that fall and a sample, writes a checkpoint, and goes on from it",
    async () => {
      const text = join(folder, "mine.txt");
      const saved = join(folder, "mine.safetensors");
      writeFileSync(text, story(5000));
      const { code, out, err } = await run("--text", text, "--steps", "60", "--out", saved);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const losses = [...out.matchAll(/^step (\d+) {2}loss (\S+)$/gm)].map(([, step, loss]) => [
        Number(step),
        Number(loss),
      ]);
      expect(losses.map(([step]) => step)).toEqual([1, 20, 40, 60]);
      expect(losses[3][1]).toBeLessThan(losses[0][1] - 1);
      expect(out).toMatch(/\d+ tokens\/s\n\n"/);
      const again = join(folder, "again.safetensors");
      const resumed = await run("--from", saved, "--out", again);
      expect(resumed.code).toBe(0);
      expect(readFileSync(again).equals(readFileSync(saved))).toBe(true);
    },
    patience,
  );

  test.each([
    [["--text", "gone.txt"], /error: gone.txt cannot be read: there is no such file/],
    [["--steps", "0"], /'0' is invalid. It is a whole number from 1 to 100000/],
    [["--size", "huge"], /Allowed choices are small, medium, large/],
    [["--from", fileURLToPath(import.meta.url)], /error: .*lmExample/],
  ])(
    "%j ends with what is wrong",
    async (args, message) => {
      const { code, err } = await run(...args);
      expect(code).toBe(1);
      expect(err).toMatch(message);
      expect(err).not.toMatch(/\n\s+at /);
    },
    patience,
  );
});
