/** The device is lost in mid-training: a supervised trainer goes on with the same bits. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as tg from "../../src/node";
import { nodeFiles } from "../../src/platform/nodeFiles";
import { buildGPT, type GPTBatch, type GPTParts, weightBits } from "./faultTraining";

const steps = 24;
const open: { destroy(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.destroy();
});

type Options = Partial<tg.SupervisedTrainerOptions<GPTBatch, tg.nn.GPT>>;

interface Observed {
  readonly trainer: tg.SupervisedTrainer<GPTBatch, tg.nn.GPT>;
  readonly losses: Map<number, number>;
  readonly evaluations: [number, number, boolean][];
  readonly restarts: tg.RestartReport[];
}

/** A supervised run that writes down what it hears; each build counts, its weights differ from the last one's. */
function supervised(options: Options = {}, build: () => GPTParts = buildGPT): Observed {
  let builds = 0;
  const losses = new Map<number, number>();
  const evaluations: [number, number, boolean][] = [];
  const restarts: tg.RestartReport[] = [];
  const trainer = new tg.SupervisedTrainer<GPTBatch, tg.nn.GPT>({
    init: tg.init,
    build: () => {
      tg.manualSeed(++builds);
      return build();
    },
    steps,
    logEvery: 1,
    evalEvery: 6,
    snapshotEvery: 5,
    ...options,
    onStep: async (report) => {
      expect(losses.has(report.step)).toBe(false);
      losses.set(report.step, report.loss);
      await options.onStep?.(report);
    },
    onEvaluation: ({ step, valLoss, best }) => void evaluations.push([step, valLoss, best]),
    onRestart: async (report) => {
      restarts.push(report);
      await options.onRestart?.(report);
    },
  });
  open.push(trainer);
  return { trainer, losses, evaluations, restarts };
}

interface Trajectory {
  readonly losses: [number, number][];
  readonly evaluations: [number, number, boolean][];
  readonly weights: number[][];
}

async function trajectory({ trainer, losses, evaluations }: Observed): Promise<Trajectory> {
  return {
    losses: [...losses],
    evaluations,
    weights: await weightBits(trainer.parts.model),
  };
}

const undisturbed = new Map<string, Trajectory>();
/** What a `Trainer` without supervision gives. */
async function plain(name: string, build: () => GPTParts): Promise<Trajectory> {
  const known = undisturbed.get(name);
  if (known) return known;
  const device = await tg.init();
  tg.manualSeed(1);
  const parts = build();
  const { step, optimizer, batches, evaluate } = parts;
  const losses: [number, number][] = [];
  const evaluations: [number, number, boolean][] = [];
  await new tg.Trainer<GPTBatch>({
    step,
    optimizer,
    batches,
    evaluate: evaluate!,
    steps,
    logEvery: 1,
    evalEvery: 6,
    onStep: ({ step, loss }) => void losses.push([step, loss]),
    onEvaluation: ({ step, valLoss, best }) => void evaluations.push([step, valLoss, best]),
  }).run();
  const made = { losses, evaluations, weights: await weightBits(parts.model) };
  await device.destroy();
  undisturbed.set(name, made);
  return made;
}

const lose = (observed: Observed): void => observed.trainer.device!.executor.lose();

describe("a device lost in mid-training", () => {
  const builds: Readonly<Record<string, () => GPTParts>> = {
    "the default": () => buildGPT(),
    "8-bit state": () => buildGPT({ state: "8bit" }),
    "a step that is not compiled": () => buildGPT({}, { compile: false }),
    "a loss scale": () =>
      buildGPT({}, { precision: { autocast: "bf16", lossScale: { interval: 3 } } }),
  };
  test.each(Object.entries(builds))(
    "with %s, losses, evaluations and final weights are those of an undisturbed run",
    async (name, build) => {
      const at = new Set([3, 12, 17]);
      const observed: Observed = supervised(
        {
          onStep: ({ step }) => {
            if (at.delete(step)) lose(observed);
          },
        },
        build,
      );
      expect(await observed.trainer.run()).toMatchObject({ reason: "finished", steps });
      expect(observed.restarts.map(({ step }) => step)).toEqual([0, 10, 15]);
      expect(observed.trainer.restarts).toBe(3);
      for (const { error, stepsAgain } of observed.restarts) {
        expect(error).toBeInstanceOf(tg.DeviceLostError);
        expect(stepsAgain).toBeLessThan(5);
      }
      expect(await trajectory(observed)).toEqual(await plain(name, build));
    },
  );

  test("while a step is being computed, it is taken again", async () => {
    let next = 0;
    const observed: Observed = supervised({}, () => {
      const parts = buildGPT();
      const batches = {
        get cursor() {
          return parts.batches.cursor;
        },
        set cursor(at: number) {
          parts.batches.cursor = at;
        },
        next() {
          // The device goes while the commands of the step before are on their way.
          if (++next === 9 || next === 20) lose(observed);
          return parts.batches.next();
        },
      };
      return { ...parts, batches };
    });
    await observed.trainer.run();
    expect(observed.restarts).toHaveLength(2);
    expect(await trajectory(observed)).toEqual(await plain("the default", buildGPT));
  });

  test("while it is built, while a snapshot is read, and while it evaluates", async () => {
    const lost = new Set<string>();
    const once = (place: string): void => {
      if (lost.has(place)) return;
      lost.add(place);
      lose(observed);
    };
    const observed: Observed = supervised({}, () => {
      const parts = buildGPT();
      once("build");
      return {
        ...parts,
        evaluate: () => {
          once("evaluation");
          return parts.evaluate!();
        },
        model: Object.assign(parts.model, {
          stateDict() {
            if (parts.step.count === 10) once("snapshot");
            return tg.nn.Module.prototype.stateDict.call(parts.model);
          },
        }),
      };
    });
    await observed.trainer.run();
    expect([...lost]).toEqual(["build", "evaluation", "snapshot"]);
    expect(observed.restarts).toHaveLength(3);
    const { losses, evaluations } = await plain("the default", buildGPT);
    // The first build's weights are lost with it, before a snapshot: the second build's count.
    expect([...observed.losses].map(([step]) => step)).toEqual(losses.map(([step]) => step));
    expect(observed.evaluations.map(([step]) => step)).toEqual(evaluations.map(([step]) => step));
  });

  test("again and again, it gives up after maxRestarts with the first error, and keeps the snapshot", async () => {
    const observed: Observed = supervised({
      maxRestarts: 2,
      onStep: ({ step }) => {
        if (step >= 8) lose(observed);
      },
      onRestart: () => {
        // The same step is not reported twice, so the loss must come from elsewhere.
        expect(observed.trainer.snapshot!.step).toBe(5);
      },
      init: async () => {
        const device = await tg.init();
        if (observed.restarts.length > 0) device.executor.lose();
        return device;
      },
    });
    const error = await observed.trainer.run().catch((reason: unknown) => reason);
    expect(error).toBe(observed.restarts[0]!.error);
    expect(error).toBeInstanceOf(tg.DeviceLostError);
    expect(observed.restarts).toHaveLength(2);
    const { bytes, step } = observed.trainer.snapshot!;
    expect(step).toBe(5);

    const resumed = supervised({ from: new tg.Checkpoint(bytes, "the snapshot") });
    await resumed.trainer.run();
    const whole = await plain("the default", buildGPT);
    expect(await weightBits(resumed.trainer.parts.model)).toEqual(whole.weights);
    expect([...resumed.losses]).toEqual(whole.losses.slice(5));
  });

  test("after a snapshot was written to a folder, another process goes on from the newest file", async () => {
    const place = await mkdtemp(path.join(tmpdir(), "tilegrad-fault-"));
    const whole = await plain("the default", buildGPT);
    const first = new tg.CheckpointFolder(nodeFiles, place, { keep: 2 });
    const stopped: Observed = supervised({
      maxRestarts: 0,
      onStep: ({ step }) => {
        if (step === 18) lose(stopped);
      },
      onSnapshot: async ({ step, bytes }) => void (await first.save(step, bytes)),
    });
    await expect(stopped.trainer.run()).rejects.toThrow(tg.DeviceLostError);
    const folder = new tg.CheckpointFolder(nodeFiles, place, { keep: 2 });
    expect((await folder.list()).map(({ step }) => step)).toEqual([10, 15]);
    const latest = await folder.latest();
    const resumed: Observed = supervised({
      from: latest!.checkpoint,
      onStep: ({ step }) => {
        if (step === 17) lose(resumed);
      },
    });
    await resumed.trainer.run();
    expect(resumed.restarts).toMatchObject([{ step: 15 }]);
    expect([...resumed.losses]).toEqual(whole.losses.slice(15));
    expect(await weightBits(resumed.trainer.parts.model)).toEqual(whole.weights);
    await rm(place, { recursive: true });
  });

  test("no adapter for a while after a loss counts as an attempt, and it goes on once there is one", async () => {
    let refused = 0;
    const observed: Observed = supervised({
      onStep: ({ step }) => {
        if (step === 7) lose(observed);
      },
      init: async () => {
        if (observed.restarts.length > 0 && refused++ < 2)
          throw new tg.AdapterError("No WebGPU adapter was found.");
        return tg.init();
      },
    });
    await observed.trainer.run();
    expect(observed.restarts).toHaveLength(3);
    expect(await trajectory(observed)).toEqual(await plain("the default", buildGPT));
  });

  test("patience goes on counting over a restart", async () => {
    const scripted = [3, 2, 2.5, 2.1, 1];
    const stops = async (loses: boolean): Promise<number> => {
      const byStep = new Map<number, number>();
      const observed: Observed = supervised(
        {
          evalEvery: 2,
          snapshotEvery: 2,
          patience: 2,
          onStep: ({ step }) => {
            if (loses && step === 7) lose(observed);
          },
        },
        () => {
          const parts = buildGPT();
          return {
            ...parts,
            evaluate: async () => {
              const { count } = parts.step;
              byStep.set(count, byStep.get(count) ?? scripted[byStep.size]!);
              return byStep.get(count)!;
            },
          };
        },
      );
      const { reason, steps: taken } = await observed.trainer.run();
      expect(reason).toBe("early-stop");
      expect(observed.restarts).toHaveLength(loses ? 1 : 0);
      return taken;
    };
    expect(await stops(true)).toBe(await stops(false));
  });

  test("between two pauses, the run that resumes has the bits of one that was not paused", async () => {
    const pauses = [new AbortController(), new AbortController()];
    const observed: Observed = supervised({
      onStep: ({ step }) => {
        if (step === 8) pauses[0]!.abort();
        if (step === 14) lose(observed);
        if (step === 17) pauses[1]!.abort();
      },
    });
    const { trainer, restarts } = observed;
    for (const [i, steps] of [8, 17].entries())
      expect(await trainer.run({ signal: pauses[i]!.signal })).toMatchObject({
        reason: "aborted",
        steps,
      });
    expect(await trainer.run()).toMatchObject({ reason: "finished" });
    expect(restarts).toHaveLength(1);
    expect(await trajectory(observed)).toEqual(await plain("the default", buildGPT));
  });

  test("is no reason to restart what was aborted", async () => {
    const stop = new AbortController();
    const observed: Observed = supervised({
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step !== 6) return;
        stop.abort();
        lose(observed);
      },
    });
    await observed.trainer.run().catch((error: unknown) => {
      expect(error).toBeInstanceOf(tg.DeviceLostError);
    });
    expect(observed.restarts).toEqual([]);
  });
});

test("a worker of the CPU executor that dies is a lost device, and training goes on with the same bits", async () => {
  const init = (): Promise<tg.Device> => tg.init({ executor: "cpu", threads: 2, cache: false });
  const workers = new Set<Worker>();
  const { postMessage } = Worker.prototype;
  const posting = vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (
    this: Worker,
    ...message
  ) {
    workers.add(this);
    return postMessage.apply(this, message);
  });
  const finish = async (kills: boolean): Promise<Observed> => {
    const observed: Observed = supervised({
      init,
      onStep: async ({ step }) => {
        if (kills && step === 13) await [...workers].at(-1)!.terminate();
      },
    });
    await observed.trainer.run();
    return observed;
  };
  const [killed, whole] = [await finish(true), await finish(false)];
  expect(killed.restarts.map(({ error }) => error.message)).toEqual([
    expect.stringMatching(/A thread of the CPU executor was lost/),
  ]);
  expect(await trajectory(killed)).toEqual(await trajectory(whole));
  posting.mockRestore();
});

test("what is wrong with the options is said before anything is built", () => {
  expect(() => supervised({ maxRestarts: -1 })).toThrow(
    /SupervisedTrainer: maxRestarts is -1; it is a whole number >= 0/,
  );
  const plainModel = { run: { note: "no steps" }, file: "model.safetensors" } as tg.Checkpoint;
  expect(() => supervised({ from: plainModel })).toThrow(
    /model\.safetensors holds no count of steps, so it is no snapshot/,
  );
  expect(() => supervised().trainer.parts).toThrow(/parts are there once `run` has built them/);
});
