/** One training run of a GPT on a device, from its plan to its last event. */

import packageJson from "../../package.json" with { type: "json" };
import type { TextBatch } from "../data/text";
import type { Device } from "../device/device";
import type { KernelTiming } from "../device/executor";
import { startTiming } from "../device/timing";
import { DivergenceError } from "../errors";
import type { GPT } from "../nn/gpt";
import type { Optimizer } from "../optim/optimizer";
import type { PlanReport } from "../plan/compile";
import type { CheckpointFolder } from "../train/checkpointFolder";
import { evaluate } from "../train/evaluate";
import type { ForcedRestore } from "../train/fingerprint";
import {
  type BatchSource,
  type EvaluationReport,
  type StepReport,
  Trainer,
} from "../train/trainer";
import type { TrainStep } from "../train/trainStep";
import { EXIT_INTERRUPTED, EXIT_OK } from "./exitCodes";
import { resumeCommand } from "./interrupt";
import { kernelTimes } from "./kernelTimes";
import { recipe, updateRule } from "./recipe";
import { agrees, runMemory } from "./runMemory";
import type { RunPlan } from "./runPlan";
import type { RunRecord } from "./runRecord";
import { configurationOf, type SavedRun } from "./savedRun";
import { StepMeter } from "./stepMeter";
import { lossOf, type TrainingState } from "./trainingState";
import { promptFrom } from "./trainingText";
import { scheduleOf, TRAIN_GPT_DEFAULTS } from "./trainOptions";
import { bytes } from "./wording";

/** What a run is given. */
export interface TrainingSurroundings {
  device: Device;
  /** Of the run's folder. */
  checkpoints: CheckpointFolder;
  record: RunRecord;
  /** Whether the run goes on in the folder of the checkpoint that it goes on from. */
  inPlace: boolean;
  /** Milliseconds. */
  now(): number;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** Flags of the device, for a command that goes on with the run. */
  flags: string;
}

/** Steps between two readings of the loss: each for short runs, for a reading waits for the device. */
const logEvery = (steps: number): number => Math.max(1, Math.min(10, Math.round(steps / 200)));

/** Steps before the kernels are timed: the first compiles them. */
const STEPS_BEFORE_PROFILE = 2;

const SAMPLE_CHARACTERS = 300;
const SAMPLE_TEMPERATURE = 0.8;

const planLine = ({ dispatches, programs, arenaBytes }: PlanReport): string =>
  `a step is ${dispatches} dispatches of ${programs} kernels and the optimizer's; intermediate values take ${bytes(arenaBytes)}`;

export class GptTraining {
  readonly #plan: RunPlan;
  readonly #around: TrainingSurroundings;
  readonly #model: GPT;
  readonly #optimizer: Optimizer;
  readonly #step: TrainStep<TextBatch>;
  readonly #forced: readonly ForcedRestore[];
  readonly #fromStep: number;
  readonly #meter: StepMeter;
  /** The newest checkpoint in the folder; null where there is none. */
  #saved: { readonly step: number; readonly path: string } | null;
  #weighed = false;
  #profile: "due" | "done" | { fromStep: number; stop(): Promise<KernelTiming[]> } = "due";

  constructor(plan: RunPlan, state: TrainingState, around: TrainingSurroundings) {
    const { batch, context } = plan.config;
    const { device, inPlace, now } = around;
    this.#plan = plan;
    this.#around = around;
    this.#model = state.model;
    this.#optimizer = state.optimizer;
    this.#step = state.step;
    this.#forced = state.forced;
    this.#fromStep = state.step.count;
    this.#saved =
      inPlace && plan.resumed ? { step: this.#fromStep, path: plan.resumed.checkpoint.file } : null;
    this.#meter = new StepMeter(device.executor, batch * context, this.#fromStep, now);
  }

  /**
   * Trains to the end, or until Ctrl-C. Returns the exit code.
   * @throws DivergenceError, saying which checkpoint was kept
   */
  async run(): Promise<number> {
    const { record } = this.#around;
    this.#begin();
    // So that whatever happens to the first steps, there is something to go on from.
    if (this.#saved === null) await this.#save();
    try {
      const { reason, trainLoss, valLoss } = await this.#trainer().run();
      if (reason === "aborted") return await this.#interrupt();
      await this.#sample();
      const { tokensPerSecond, perStep } = this.#meter;
      await record.finish({
        event: "done",
        steps: this.#step.count,
        trainLoss,
        valLoss,
        tokensPerSecond,
        peakGpuBytes: this.#around.device.pool.report().peakBytes,
        dispatchesPerStep: perStep.dispatches,
        submitsPerStep: perStep.submits,
      });
      return EXIT_OK;
    } catch (error) {
      if (error instanceof DivergenceError) return await this.#diverge(error);
      throw error;
    }
  }

  #begin(): void {
    const { record, device, now } = this.#around;
    const { config, text, resumed } = this.#plan;
    record.emit({
      event: "start",
      time: new Date(now()).toISOString(),
      version: packageJson.version,
      fromStep: this.#fromStep,
      config,
      recipe: recipe(config),
      adapter: device.executor.adapter,
      parameters: this.#model.parameterCount,
      vocab: text.dataset.vocab,
      trainTokens: text.dataset.trainLength,
      ...(this.#forced.length && { forced: this.#forced }),
    });
    for (const reason of resumed?.damaged ?? []) record.note(`passed over: ${reason}`);
    if (resumed?.force)
      for (const { file, differences } of this.#forced)
        record.note(`went on from ${file} by --force: ${differences.join("; ")}`);
  }

  #trainer(): Trainer<TextBatch> {
    const { steps, evalEvery } = this.#plan.config;
    return new Trainer({
      step: this.#meter.counting(this.#step),
      optimizer: this.#optimizer,
      batches: this.#batches(),
      steps,
      evalEvery,
      logEvery: logEvery(steps),
      signal: this.#around.signal,
      onPlan: (plan) => {
        if (plan) this.#around.record.note(planLine(plan));
      },
      evaluate: () => this.#meter.aside(() => this.#validate(this.#plan.validation)),
      onStep: (report) => this.#onStep(report),
      onEvaluation: (report) => this.#meter.aside(() => this.#onEvaluation(report)),
    });
  }

  /** The loader's batches; the kernels are timed from one of them on to the next reading of the loss. */
  #batches(): BatchSource<TextBatch> {
    const { loader } = this.#plan;
    const { executor } = this.#around.device;
    return {
      get cursor() {
        return loader.cursor;
      },
      set cursor(step) {
        loader.cursor = step;
      },
      next: () => {
        const { cursor } = loader;
        if (this.#profile === "due" && cursor - this.#fromStep >= STEPS_BEFORE_PROFILE) {
          this.#meter.skipStretch();
          this.#profile = { fromStep: cursor, stop: startTiming(executor) };
        }
        return loader.next();
      },
    };
  }

  async #onStep({ step, loss, gradNorm, learningRate }: StepReport): Promise<void> {
    const { record } = this.#around;
    const tokensPerSecond = this.#meter.mark(step);
    record.emit({
      event: "step",
      step,
      loss,
      gradNorm: Number.isFinite(gradNorm) ? gradNorm : null,
      learningRate,
      tokensPerSecond,
      seconds: this.#meter.seconds,
    });
    if (!this.#weighed) this.#weigh(step);
    const profile = this.#profile;
    if (typeof profile === "string") return;
    this.#profile = "done";
    const timings = await this.#meter.aside(profile.stop);
    const kernels = kernelTimes(timings, step - profile.fromStep);
    record.emit({ event: "profile", step, kernels });
  }

  /** Once a run, when all its memory is there. */
  #weigh(step: number): void {
    this.#weighed = true;
    const { record, device } = this.#around;
    const [plan] = this.#step.plans;
    const options = {
      ...updateRule(this.#plan.config),
      activations: plan ? plan.arenaBytes + plan.constantBytes : 0,
    };
    const memory = runMemory(this.#optimizer, options, device.pool.report());
    record.emit({ event: "memory", step, ...memory });
    if (!agrees(memory))
      record.note(
        `memory is not what was predicted: ${JSON.stringify(memory)}; please report it with the command`,
      );
  }

  async #onEvaluation(report: EvaluationReport): Promise<void> {
    const { record } = this.#around;
    const { step, trainLoss, valLoss, gradNorm } = report;
    record.emit({ event: "eval", step, trainLoss, valLoss });
    // Weights whose gradients are not finite may be past saving.
    if (Number.isFinite(gradNorm)) await this.#save();
    await record.writeReport();
  }

  #validate(batches: readonly TextBatch[]): Promise<number> {
    return evaluate(this.#model, batches, lossOf);
  }

  /** Adds a checkpoint. Called only when the weights are known to give finite losses and gradients. */
  async #save(): Promise<void> {
    const { checkpoints, record } = this.#around;
    const { config, text } = this.#plan;
    const step = this.#step.count;
    const run: SavedRun = {
      format: 1,
      version: packageJson.version,
      config,
      model: this.#model.config,
      tokenizer: text.dataset.tokenizer.toJSON(),
      step,
      seed: config.seed,
      schedule: scheduleOf(config).toJSON(),
      text: text.fingerprint,
    };
    const path = await checkpoints.save(step, {
      model: this.#model,
      optimizer: this.#optimizer,
      run,
      configuration: configurationOf(config, text.fingerprint),
      forced: this.#forced,
    });
    this.#saved = { step, path };
    record.emit({ event: "checkpoint", step, path });
  }

  async #interrupt(): Promise<number> {
    const { record } = this.#around;
    const step = this.#step.count;
    if (step !== this.#saved?.step) {
      // The last loss that was read is that of earlier weights.
      const loss = await this.#validate(this.#plan.validation.slice(0, 1));
      const gradNorm = await this.#optimizer.stats.gradNorm.item();
      if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
        throw new DivergenceError(
          `After step ${step} the validation loss is ${loss} and the gradients' norm ${gradNorm}: training diverged.`,
        );
      await this.#save();
    }
    const resume = `${resumeCommand(record.folder.path)}${this.#around.flags}`;
    await record.finish({ event: "interrupted", step, resume });
    return EXIT_INTERRUPTED;
  }

  async #diverge(error: DivergenceError): Promise<never> {
    const { record, flags } = this.#around;
    const { step: lastGoodStep, path } = this.#saved!;
    await record.finish({ event: "diverged", step: this.#step.count, lastGoodStep });
    const { lr, optimizer } = this.#plan.config;
    const lower = Math.min(lr / 10, TRAIN_GPT_DEFAULTS.rates[optimizer]);
    throw new DivergenceError(
      `${error.message} The checkpoint of step ${lastGoodStep} is kept in ${path}; ` +
        `go on from it with: ${resumeCommand(record.folder.path)} --lr ${lower}${flags}`,
      { cause: error },
    );
  }

  async #sample(): Promise<void> {
    const { record, signal } = this.#around;
    const { text, config } = this.#plan;
    const { tokenizer } = text.dataset;
    const prompt = promptFrom(text, config.context);
    record.note("writing a sample");
    const tokens: number[] = [];
    try {
      await this.#model.generate([...tokenizer.encode(prompt)], {
        count: SAMPLE_CHARACTERS,
        temperature: SAMPLE_TEMPERATURE,
        seed: config.seed,
        signal,
        onToken: (token) => tokens.push(token),
      });
    } catch (error) {
      // Ctrl-C: the run is done and saved, so that only the rest of the text is given up.
      if (!signal.aborted) throw error;
    }
    record.emit({
      event: "sample",
      step: this.#step.count,
      prompt,
      text: tokenizer.decode(tokens),
    });
  }
}
