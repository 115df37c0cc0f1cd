/**
 * The optimizer: a rule over an arena of parameters, with what happens around it. One step is three
 * dispatches per arena chunk set, whatever the number of parameters: norms, decision, update; and nothing
 * is read back.
 *
 * A step whose gradients are not all finite is skipped, on the device and without the host knowing. The
 * host therefore sends the rule's scalars, such as bias corrections, for the update it expects and for the
 * ones before, and the device picks by how many steps it has skipped. `sync` tells the host. Results do
 * not depend on when that is, as long as fewer than 30 steps are skipped between two calls.
 */
import { ArgumentError, CheckpointError, DisposedError, DTypeError, ShapeError } from "../errors";
import type { StateValue } from "../nn/module";
import { resolve } from "../ops/trace";
import { upload } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat } from "../tensor/dtype";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { type ArenaBuffers, type ArenaMember, ParameterArena } from "./arena";
import { asSchedule, type Group, type Parameters, readGroups, requireWeightDecay } from "./groups";
import { checkScalars, checkTensors, type OptimizerScalars } from "./optimizerState";
import type { HyperParameters, Rule } from "./rules";
import { fromJSON, type Schedule } from "./schedule";
import { type StateFormat, type States, stateFormats } from "./states";
import {
  type LossScaleState,
  type LossScaling,
  type OptimizerStats,
  StepControl,
  scalarsWindow,
} from "./stepControl";

/** Options of every optimizer. */
export interface OptimizerOptions {
  /** Learning rate: a number, or a schedule of the number of steps taken. */
  lr?: number | Schedule;
  /** Weight decay of groups that have none of their own. */
  weightDecay?: number;
  /** Scale the gradients down to this global norm where it is larger. Default: no clipping. */
  clipGradNorm?: number;
  /** Leave parameters and states as they are at a step with a NaN or infinite gradient. Default true. */
  skipNonFinite?: boolean;
  /** How states are stored. Default "f32". */
  state?: StateFormat;
  /** Where gradients and states live. Default "full": the whole parameter space. */
  subspace?: "full";
}

export interface StepOptions {
  /** The gradients are this times the true ones: summed micro-batches, a loss scale. Default 1. */
  gradientScale?: number;
}

/** What `state()` gives and `loadState` takes. */
export interface OptimizerState {
  /** `exp_avg.<parameter>` and so on; live handles that belong to the optimizer. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly scalars: OptimizerScalars;
}

export interface LoadStateOptions {
  /**
   * Keep this optimizer's own rates, decays, hyper-parameters and clipping, and take only the moments and
   * counts from the checkpoint: to continue a run with other settings. Default false.
   */
  keepOptions?: boolean;
}

/** The options as they stand. */
interface Settings {
  readonly hyper: HyperParameters;
  readonly rate: Schedule;
  /** null: no clipping. */
  readonly clipGradNorm: number | null;
  readonly skipNonFinite: boolean;
  readonly state: StateFormat;
  readonly subspace: "full";
}

/** What `sgd`, `adamw` and `lion` make: `step(gradients)` moves the parameters in place. */
export class Optimizer {
  /** The updated tensors, in the order of `step`'s gradients. They live in the optimizer's arena. */
  readonly parameters: readonly DeviceTensor[];
  /** Their names, in the same order. */
  readonly names: readonly string[];
  readonly stats: OptimizerStats;

  private readonly arena: ParameterArena;
  private readonly gradients: ArenaBuffers;
  private readonly gradientViews: readonly DeviceTensor[];
  private readonly states: States;
  private readonly control: StepControl;
  private readonly constants = new Float64Array(8);
  private readonly scalars = new Float64Array(4 * scalarsWindow);
  private readonly groupScalars: Float64Array;
  private steps = 0;
  /** Skipped steps that the host knows of. */
  private folded = 0;
  private disposed = false;

  private constructor(
    private readonly rule: Rule<HyperParameters>,
    members: readonly ArenaMember[],
    private readonly groups: readonly Group[],
    private settings: Settings,
  ) {
    this.parameters = members.map(({ tensor }) => tensor);
    this.names = members.map(({ name }) => name);
    this.arena = new ParameterArena(members);
    this.gradients = this.arena.allocate("gradients", "gradient");
    this.gradientViews = members.map((_, i) => this.arena.view(this.gradients, i));
    this.states = stateFormats[settings.state](this.arena, rule, rule.states(settings.hyper));
    this.control = new StepControl(this.arena);
    this.stats = this.control.stats;
    this.groupScalars = new Float64Array(4 * groups.length);
  }

  /**
   * Moves the parameters into an arena of their own and makes an optimizer for them. Other views of a
   * parameter's memory made before this keep the old memory.
   *
   * @throws ArgumentError for bad options or parameters; DTypeError for parameters other than f32
   */
  static create<H extends HyperParameters>(
    rule: Rule<H>,
    parameters: Parameters,
    options: OptimizerOptions & Partial<H> = {},
  ): Optimizer {
    const where = `optim.${rule.name}`;
    const known = [...Object.keys(rule.defaults), ...commonOptions];
    for (const name of Object.keys(options))
      if (!known.includes(name))
        throw new ArgumentError(`${where}: no option ${name}; it takes ${known.join(", ")}.`);
    const given = options as Readonly<Record<string, unknown>>;
    const hyper = Object.fromEntries(
      Object.entries(rule.defaults).map(([name, value]) => [name, given[name] ?? value]),
    ) as H;
    rule.check(hyper);
    const { state = "f32", subspace = "full", skipNonFinite = true } = options;
    if (!Object.hasOwn(stateFormats, state))
      throw new ArgumentError(
        `${where}: state is ${JSON.stringify(state)}; it takes ${Object.keys(stateFormats).join(", ")}.`,
      );
    if (subspace !== "full")
      throw new ArgumentError(
        `${where}: subspace is ${JSON.stringify(subspace)}; it takes "full".`,
      );
    const clipGradNorm = options.clipGradNorm ?? null;
    requireClip(where, clipGradNorm);
    const rate = asSchedule(where, options.lr ?? rule.defaultRate);
    const decay = requireWeightDecay(where, options.weightDecay ?? rule.defaultWeightDecay);
    const { groups, members } = readGroups(rule.name, parameters, decay);
    const settings = { hyper, rate, clipGradNorm, skipNonFinite, state, subspace };
    return new Optimizer(rule, members, groups, settings);
  }

  /** What the loss of the next step is to be multiplied by, f32 scalar: see GradScaler. The optimizer's own. */
  get lossScale(): Tensor {
    return this.control.lossScale;
  }

  /**
   * For GradScaler: where the loss scale stands, and how it moves from the next step on.
   * @throws ArgumentError unless steps with non-finite gradients are skipped
   */
  scaleLoss(state: LossScaleState, scaling: LossScaling): void {
    this.check();
    if (!this.settings.skipNonFinite)
      throw new ArgumentError(
        `optim.${this.rule.name}: a loss scale needs skipNonFinite: true, since its overflows are found by skipped steps.`,
      );
    const { growth, backoff, interval } = scaling;
    this.control.scaleLoss(state, { growth, backoff, interval });
  }

  /** Where the loss scale stands. Waits for the device. */
  readLossScale(): Promise<LossScaleState> {
    this.check();
    return this.control.readLossScale();
  }

  /** Calls of `step` so far, skipped ones among them; schedules go by it. */
  get stepCount(): number {
    return this.steps;
  }

  /** The rate the next step uses (that of groups without a rate of their own). */
  get learningRate(): number {
    return rateAt(this.settings.rate, this.steps);
  }

  /** From the next step on: a number, or a schedule of `stepCount`. @throws ArgumentError */
  set learningRate(lr: number | Schedule) {
    const rate = asSchedule(`optim.${this.rule.name}`, lr);
    this.settings = { ...this.settings, rate };
  }

  /**
   * Where the gradient of parameter i may be written or accumulated directly, f32 in the parameter's
   * shape; starts at zero. The handle belongs to the optimizer.
   */
  gradientView(i: number): DeviceTensor {
    this.check();
    const view = this.gradientViews[i];
    if (!view)
      throw new ArgumentError(
        `gradientView(${i}): this optimizer has parameters 0 to ${this.parameters.length - 1}.`,
      );
    return view;
  }

  /**
   * Records one update. Nothing has run when it returns.
   *
   * @param gradients one per entry of `parameters`, in its shape, f32 or f16; they are copied, so their
   *   memory may be reused at once. Default: what was written through `gradientView`.
   * @throws ArgumentError, ShapeError or DTypeError naming the parameter; nothing is recorded then
   */
  step(gradients?: readonly Tensor[], options: StepOptions = {}): void {
    this.check();
    this.arena.checkMembers();
    const { gradientScale = 1 } = options;
    if (!(gradientScale > 0 && Number.isFinite(gradientScale)))
      throw new ArgumentError(
        `step: gradientScale is ${gradientScale}; it takes a finite number above 0.`,
      );
    this.fillGroups();
    if (gradients) this.collect(gradients);
    this.fillScalars();
    this.control.decide({
      gradients: this.gradients,
      maxNorm: this.settings.clipGradNorm ?? 0,
      skipNonFinite: this.settings.skipNonFinite,
      gradientScale,
      folded: this.folded,
      scalars: this.scalars,
    });
    this.states.update({
      gradients: this.gradients,
      control: this.control.binding,
      constants: this.constants,
      groups: this.groupScalars,
    });
    this.steps++;
  }

  /**
   * Learns from the device how many steps were skipped. Call it now and then, where values are read
   * anyway; `state` does.
   * @returns steps skipped since the optimizer was made
   */
  async sync(): Promise<number> {
    this.check();
    const skipped = await this.control.readSkipped();
    // Another sync may have read a later count while this one waited.
    this.folded = Math.max(this.folded, skipped);
    return this.folded;
  }

  /**
   * Everything a checkpoint needs to go on bit by bit. Waits for the device.
   * @returns the live states and plain JSON; read the states before recording more steps
   */
  async state(): Promise<OptimizerState> {
    const skipped = await this.sync();
    const tensors = Object.fromEntries(
      [...this.states.tensors].map(([key, { tensor }]) => [key, tensor]),
    );
    const { hyper, rate: lr, ...settings } = this.settings;
    const scalars: OptimizerScalars = {
      format: 1,
      rule: this.rule.name,
      stepCount: this.steps,
      skipped,
      ...settings,
      lr: lr.toJSON(),
      hyperParameters: hyper,
      groups: this.groups.map(({ names, weightDecay, rate }) => ({
        parameters: names,
        weightDecay,
        lr: rate?.toJSON() ?? null,
      })),
    };
    return { tensors, scalars };
  }

  /**
   * Takes over a saved state: moments, counts, and (unless `keepOptions`) rates, decays,
   * hyper-parameters and clipping. Parameters are the model's own business.
   *
   * @param state `tensors` as tensors or host values; `scalars` as read from JSON
   * @throws CheckpointError naming what differs; nothing is changed then
   */
  loadState(
    state: { tensors: Readonly<Record<string, StateValue>>; scalars: unknown },
    options: LoadStateOptions = {},
  ): void {
    this.check();
    const { rule, groups, settings } = this;
    const saved = checkScalars(state.scalars, { ...settings, rule: rule.name, groups });
    checkTensors(state.tensors, this.states.tensors);
    for (const [key, value] of Object.entries(state.tensors))
      if (!("values" in value)) this.real(`loadState: ${key}`, value);
    if (!options.keepOptions) this.takeOptions(saved);
    const { device } = this.arena;
    for (const [key, { fill }] of this.states.tensors) {
      const value = state.tensors[key]!;
      if ("values" in value) {
        const uploaded = upload(value.values, value.shape, { dtype: "f32", device });
        fill(uploaded);
        uploaded.dispose();
      } else fill(this.real(key, value));
    }
    this.steps = saved.stepCount;
    this.folded = saved.skipped;
    this.control.restore({
      skipped: saved.skipped,
      applied: saved.stepCount - saved.skipped,
    });
  }

  /** Gives back gradients and states. The parameters live on. Idempotent. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const view of this.gradientViews) view.dispose();
    this.arena.release(this.gradients);
    this.states.dispose();
    this.control.dispose();
    this.arena.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private check(): void {
    if (this.disposed)
      throw new DisposedError(
        `optim.${this.rule.name}: the optimizer was used after it was disposed.`,
      );
  }

  /** The tensor with memory behind a value that was passed in. */
  private real(name: string, value: Tensor): DeviceTensor {
    const tensor = resolve(value);
    if (!(tensor instanceof DeviceTensor))
      throw new ArgumentError(
        `${name} is a value inside a transform. Step outside of grad and other transforms.`,
      );
    tensor.check();
    if (tensor.device !== this.arena.device)
      throw new ArgumentError(`${name} lives on another device than the parameters.`);
    if (!isFloat(tensor.dtype))
      throw new DTypeError(`${name} has dtype ${tensor.dtype}; it takes f32 or f16.`);
    return tensor;
  }

  private collect(gradients: readonly Tensor[]): void {
    if (gradients.length !== this.parameters.length)
      throw new ArgumentError(
        `step: ${gradients.length} gradients for ${this.parameters.length} parameters. Pass one for each of optimizer.parameters, in that order.`,
      );
    const real = gradients.map((gradient, i) => {
      const name = `step: the gradient of ${this.names[i]}`;
      if (!gradient)
        throw new ArgumentError(`${name} is missing. Pass zeros, or freeze the parameter.`);
      const tensor = this.real(name, gradient);
      const { shape } = this.parameters[i]!;
      if (!sameShape(tensor.shape, shape))
        throw new ShapeError(
          `${name} has shape ${show(tensor.shape)}; the parameter has ${show(shape)}.`,
        );
      return tensor;
    });
    real.forEach((gradient, i) => {
      this.arena.fill(this.gradients, i, gradient);
    });
  }

  /** Rates and decays of this step. */
  private fillGroups(): void {
    this.groups.forEach(({ rate, weightDecay }, i) => {
      const lr = rateAt(rate ?? this.settings.rate, this.steps);
      const decoupled = this.rule.decay === "decoupled";
      this.groupScalars[4 * i] = lr;
      this.groupScalars[4 * i + 1] = decoupled ? lr * weightDecay : 0;
      this.groupScalars[4 * i + 2] = decoupled ? 0 : weightDecay;
    });
  }

  /** The rule's scalars: for the update that this step is if no skip is unknown, and for those before. */
  private fillScalars(): void {
    this.constants.set(this.rule.constants(this.settings.hyper));
    const expected = this.steps + 1 - this.folded;
    for (let k = 0; k < scalarsWindow; k++)
      this.scalars.set(this.rule.perStep(Math.max(expected - k, 1), this.settings.hyper), 4 * k);
  }

  private takeOptions(saved: OptimizerScalars): void {
    const where = "loadState: the checkpoint's options";
    try {
      const hyper = Object.fromEntries(
        Object.keys(this.rule.defaults).map((name) => [name, saved.hyperParameters[name]!]),
      );
      this.rule.check(hyper);
      const rate = fromJSON(saved.lr);
      const rates = saved.groups.map(({ lr }) => lr && fromJSON(lr));
      const decays = saved.groups.map(({ weightDecay }) => requireWeightDecay(where, weightDecay));
      const { clipGradNorm } = saved;
      const skipNonFinite = saved.skipNonFinite !== false;
      requireClip(where, clipGradNorm);
      this.settings = { ...this.settings, hyper, rate, clipGradNorm, skipNonFinite };
      this.groups.forEach((group, i) => {
        group.rate = rates[i]!;
        group.weightDecay = decays[i]!;
      });
    } catch (error) {
      if (!(error instanceof ArgumentError || error instanceof TypeError)) throw error;
      throw new CheckpointError(
        `loadState: the checkpoint's optimizer options are not valid: ${error.message}`,
      );
    }
  }
}

const commonOptions = ["lr", "weightDecay", "clipGradNorm", "skipNonFinite", "state", "subspace"];

function requireClip(where: string, clip: number | null): void {
  if (clip !== null && !(typeof clip === "number" && clip > 0 && Number.isFinite(clip)))
    throw new ArgumentError(
      `${where}: clipGradNorm is ${clip}; it takes a finite number above 0, or leave it out for no clipping.`,
    );
}

/** @throws ArgumentError for a schedule that gives no rate. */
function rateAt(schedule: Schedule, step: number): number {
  const rate = schedule(step);
  if (!Number.isFinite(rate) || rate < 0)
    throw new ArgumentError(
      `The learning-rate schedule gave ${rate} at step ${step}; rates are finite numbers from 0 up.`,
    );
  return rate;
}
