/**
 * The optimizer: an arena of parameters, what a step decides on the device, and the parts that move the
 * parameters. One step of an element-wise rule is three dispatches per chunk of the arena, whatever the number of
 * parameters: norms, decision, update; and nothing is read back.
 *
 * A step whose gradients are not all finite is skipped, on the device and without the host knowing. The
 * host therefore sends the rule's scalars, such as bias corrections, for the update it expects and for the
 * ones before, and the device picks by how many steps it has skipped. `sync` tells the host. Results do
 * not depend on when that is, as long as fewer than 30 steps are skipped between two calls.
 */
import { ArgumentError, CheckpointError, DisposedError, DTypeError, ShapeError } from "../errors";
import type { StateValue } from "../nn/module";
import { resolve } from "../ops/trace";
import { requireKnown, requireOptions } from "../options";
import { upload } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat } from "../tensor/dtype";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import type { ArenaBuffers } from "./arena";
import { FusedPart } from "./fusedPart";
import { asSchedule, type Group, type Parameters, readGroups, requireWeightDecay } from "./groups";
import {
  commonOptions,
  type LoadStateOptions,
  type OptimizerOptions,
  type OptimizerState,
  requireClip,
  type StepOptions,
} from "./optimizerOptions";
import {
  checkScalars,
  checkTensors,
  type OptimizerScalarOptions,
  type OptimizerScalars,
  optionDifferences,
} from "./optimizerState";
import { type ArenaMember, ParameterArena } from "./parameterArena";
import type { Part, PartContext, PartStep, UpdatedArena } from "./part";
import {
  type AnyRule,
  type AnyStructuredRule,
  type HyperParameters,
  type Rule,
  type StructuredRule,
  withDecay,
} from "./rule";
import { fromJSON, type Schedule } from "./schedule";
import type { StateTensor } from "./states";
import {
  type LossScaleState,
  type LossScaling,
  type OptimizerStats,
  StepControl,
} from "./stepControl";
import { GradientArena, requireTransforms, type Transform } from "./transform";
import { hyperOf, readWay, type Way, waysOf, withDefaults } from "./ways";

/** The options as they stand. */
interface Settings {
  readonly hyper: HyperParameters;
  readonly rate: Schedule;
  /** null: no clipping. */
  readonly clipGradNorm: number | null;
  readonly skipNonFinite: boolean;
  readonly transforms: readonly Transform[];
  readonly seed: number;
}

/** What `sgd`, `adamw`, `lion` and their like make: `step(gradients)` moves the parameters in place. */
export class Optimizer {
  /** The updated tensors, in the order of `step`'s gradients. They live in the optimizer's arena. */
  readonly parameters: readonly DeviceTensor[];
  /** Their names, in the same order. */
  readonly names: readonly string[];
  readonly stats: OptimizerStats;

  private readonly arena: ParameterArena;
  /** Where parts find the gradients; nowhere between the steps of an optimizer that borrows their memory. */
  private gradients: ArenaBuffers;
  private borrows = false;
  private gradientViews: readonly DeviceTensor[];
  private readonly parts: readonly Part[];
  /** What changes the decision of a step, gradients before the parts see them, and parameters after. */
  private readonly deciding: readonly Part[];
  private readonly before: readonly Part[];
  private readonly after: readonly Part[];
  private readonly control: StepControl;
  private readonly stateTensors: ReadonlyMap<string, StateTensor>;
  /** How each parameter is updated, as checkpoints say it. */
  private readonly wayNames: readonly string[];
  private steps = 0;
  /** Skipped steps that the host knows of. */
  private folded = 0;
  private evaluating = false;
  private scaledRate = false;
  private disposed = false;

  private constructor(
    /** What moves the parameters; `predictMemory` asks for it. */
    readonly rule: AnyRule | AnyStructuredRule,
    members: readonly ArenaMember[],
    private readonly groups: readonly Group[],
    private settings: Settings,
    ways: readonly Way[],
    wayOf: readonly number[],
  ) {
    this.parameters = members.map(({ tensor }) => tensor);
    this.names = members.map(({ name }) => name);
    this.arena = new ParameterArena(members, wayOf);
    this.gradients = this.arena.allocate("gradients", "gradient");
    this.gradientViews = members.map((_, i) => this.arena.view(this.gradients, i));
    this.control = new StepControl(this.arena);
    this.wayNames = wayOf.map((w) => ways[w]!.name);
    this.parts = ways.map((way, w) => this.openPart(way, indicesOf(wayOf, w)));
    const all = members.map((_, i) => i);
    const opened = (on: Transform["on"], arena: UpdatedArena): Part[] =>
      settings.transforms
        .filter((transform) => transform.on === on)
        .map((transform) =>
          transform.open({ arena, members: all, control: this.control, ...this.basics() }),
        );
    this.deciding = opened("norm", this.arena);
    this.before = opened("gradient", new GradientArena(this.arena, () => this.gradients));
    this.after = opened("parameter", this.arena);
    this.control.open();
    this.stats = this.control.stats;
    this.stateTensors = new Map(this.everyPart().flatMap((part) => [...part.tensors]));
    for (const part of this.everyPart()) part.start?.();
  }

  /**
   * Moves the parameters into an arena of their own and makes an optimizer for them. Other views of a
   * parameter's memory made before this keep the old memory.
   *
   * @throws ArgumentError for bad options or parameters, or choices that have no meaning together; DTypeError for
   *   parameters that are no floats
   */
  static create<H extends HyperParameters>(
    ofRule: Rule<H> | StructuredRule<H>,
    parameters: Parameters,
    options: OptimizerOptions & Partial<H> = {},
  ): Optimizer {
    const where = `optim.${ofRule.name}`;
    requireOptions(where, options, "lr");
    const rule = withDecay(ofRule as AnyRule | AnyStructuredRule, options.decoupledWeightDecay);
    const hyperNames = Object.keys(rule.defaults);
    requireKnown(where, options, [...hyperNames, ...commonOptions]);
    const given = options as Readonly<Record<string, unknown>>;
    const hyper = withDefaults(rule.defaults, given);
    rule.check(hyper);
    readWay(where, options);
    const { skipNonFinite = true, seed = 0, transforms = [] } = options;
    requireTransforms(where, transforms);
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
      throw new ArgumentError(
        `${where}: seed is ${seed}; it takes a whole number from 0 to 2^32 - 1.`,
      );
    const clipGradNorm = options.clipGradNorm ?? null;
    requireClip(where, clipGradNorm);
    const rate = asSchedule(where, options.lr ?? rule.defaultRate);
    const decay = requireWeightDecay(where, options.weightDecay ?? rule.defaultWeightDecay);
    const { groups, members } = readGroups(where, parameters, decay, hyperNames);
    for (const group of groups) rule.check(withDefaults(hyper, group.hyper));
    const { ways, wayOf } = waysOf(rule, members, groups, hyper, options);
    const settings = { hyper, rate, clipGradNorm, skipNonFinite, transforms, seed };
    return new Optimizer(rule, members, groups, settings, ways, wayOf);
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
    if (this.borrows)
      throw new ArgumentError(
        `gradientView(${i}): with updates per layer gradients have no memory of their own. Pass them to step.`,
      );
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
    requireOptions("optimizer.step", options, "gradientScale");
    this.check();
    this.arena.checkMembers();
    const { gradientScale = 1, loss, rateScale } = options;
    if (!(gradientScale > 0 && Number.isFinite(gradientScale)))
      throw new ArgumentError(
        `step: gradientScale is ${gradientScale}; it takes a finite number above 0.`,
      );
    if (this.evaluating)
      throw new ArgumentError(
        `optim.${this.rule.name}: step in evaluation mode. Call optimizer.train() first.`,
      );
    if (this.readsLoss && !loss)
      throw new ArgumentError(
        `optim.${this.rule.name}: step needs the loss of the step: step(gradients, { loss }).`,
      );
    const told = {
      loss: this.scalar("loss", loss),
      rateScale: this.scalar("rateScale", rateScale),
    };
    if (this.borrows && !gradients)
      throw new ArgumentError(
        `optim.${this.rule.name}: with updates per layer gradients have no memory of their own. Pass them to step.`,
      );
    const real = gradients ? this.real(gradients) : null;
    this.withGradients(real, () => this.record(told, gradientScale));
    this.steps++;
  }

  /** @param gradientScale see StepOptions */
  private record(
    told: { readonly loss: DeviceTensor | null; readonly rateScale: DeviceTensor | null },
    gradientScale: number,
  ): void {
    const step = this.partStep();
    if (told.loss) this.control.tell("loss", told.loss);
    if (told.rateScale) this.control.tell("rateScale", told.rateScale);
    else if (this.scaledRate) this.control.resetRateScale();
    this.scaledRate = told.rateScale !== null;
    this.control.decide({
      gradients: this.gradients,
      maxNorm: this.settings.clipGradNorm ?? 0,
      skipNonFinite: this.settings.skipNonFinite,
      gradientScale,
    });
    for (const part of this.deciding) part.update(step);
    const parameters = this.before.length > 0 ? this.arena.widened() : this.arena.parameters;
    this.before.forEach((part, i) => {
      const scaling = i === 0 ? "parameter" : "none";
      part.update({ ...step, gradients: parameters, scaling });
    });
    const scaling = this.before.length > 0 ? "none" : "gradient";
    for (const part of this.parts) part.update({ ...step, scaling });
    for (const part of this.after) part.update(step);
  }

  /** Whether `step` has to be told the loss. */
  get readsLoss(): boolean {
    return "readsLoss" in this.rule && this.rule.readsLoss === true;
  }

  /**
   * Takes in an estimate of the Hessian's diagonal, for rules that go by one: now and then, between steps. An
   * estimate that is not finite changes nothing. Uses the memory of the gradients.
   *
   * @param estimates one per entry of `parameters`, in its shape, f32 or f16
   * @throws ArgumentError for a rule that has no use for it, or estimates that do not fit
   */
  updateHessian(estimates: readonly Tensor[]): void {
    this.check();
    const { rule } = this;
    if (!("hessian" in rule && rule.hessian))
      throw new ArgumentError(`optim.${rule.name}: it takes no Hessian. sophia does.`);
    this.arena.checkMembers();
    const name = rule.hessian(this.settings.hyper);
    this.withGradients(this.real(estimates), () => {
      this.control.decide({
        gradients: this.gradients,
        maxNorm: 0,
        skipNonFinite: true,
        gradientScale: 1,
        counts: false,
      });
      const step = this.partStep();
      for (const part of this.parts) if (part instanceof FusedPart) part.apply(step, name, false);
    });
  }

  /**
   * Moves the parameters to where they are evaluated, for rules that train elsewhere (schedule-free); others
   * are there already. `step` throws until `train` is called. No effect in evaluation mode.
   */
  eval(): void {
    this.move("eval", true);
  }

  /** Moves the parameters back to where they are trained. No effect in training mode. */
  train(): void {
    this.move("train", false);
  }

  /**
   * Learns from the device how many steps were skipped. Call it now and then, where values are read
   * anyway; `state` does.
   * @returns steps skipped since the optimizer was made
   */
  async sync(): Promise<number> {
    this.check();
    const [skipped] = await Promise.all([
      this.control.readSkipped(),
      ...this.parts.map((part) => part.sync?.()),
    ]);
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
      [...this.stateTensors].map(([key, { tensor }]) => [key, tensor]),
    );
    const scalars: OptimizerScalars = {
      format: 2,
      stepCount: this.steps,
      skipped,
      evaluating: this.evaluating,
      ...this.options(),
    };
    return { tensors, scalars };
  }

  /** As checkpoints hold them. */
  private options(): OptimizerScalarOptions {
    const { hyper, rate: lr, transforms, ...settings } = this.settings;
    const { rule } = this;
    return {
      rule: rule.name,
      ...("decay" in rule && rule.decay !== "own" && { decay: rule.decay }),
      ...settings,
      lr: lr.toJSON(),
      hyperParameters: hyper,
      ways: this.wayNames,
      transforms: transforms.map((transform) => transform.toJSON()),
      groups: this.groups.map(({ names, weightDecay, rate, hyper }) => ({
        parameters: names,
        weightDecay,
        lr: rate?.toJSON() ?? null,
        hyperParameters: hyper as HyperParameters,
      })),
    };
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
    requireOptions("optimizer.loadState", options, "keepOptions");
    const saved = this.checkState(state);
    if (!options.keepOptions) this.takeOptions(saved);
    const { device } = this.arena;
    for (const [key, { tensor, fill }] of this.stateTensors) {
      const value = state.tensors[key]!;
      if ("values" in value) {
        const uploaded = upload(value.values, value.shape, { dtype: tensor.dtype, device });
        fill(uploaded);
        uploaded.dispose();
      } else fill(this.onDevice(key, value));
    }
    for (const part of this.everyPart()) part.restored?.();
    this.steps = saved.stepCount;
    this.folded = saved.skipped;
    this.evaluating = saved.evaluating;
    this.control.restore({
      skipped: saved.skipped,
      applied: saved.stepCount - saved.skipped,
    });
  }

  /**
   * What `loadState` would refuse. Changes nothing.
   * @throws CheckpointError naming what differs
   */
  checkState(state: {
    tensors: Readonly<Record<string, StateValue>>;
    scalars: unknown;
  }): OptimizerScalars {
    this.check();
    const { rule, groups } = this;
    const saved = checkScalars(state.scalars, {
      rule: rule.name,
      ways: this.wayNames,
      transforms: this.settings.transforms.map((transform) => transform.toJSON()),
      groups,
    });
    checkTensors(state.tensors, this.stateTensors);
    for (const [key, value] of Object.entries(state.tensors))
      if (!("values" in value)) this.onDevice(`loadState: ${key}`, value);
    return saved;
  }

  /**
   * In words, the options that a saved state has otherwise and that a run has from its start to its end: hyper-parameters,
   * decays, clipping, seed, options of transforms. Rates, which may be set while it goes on, are not compared.
   * @param scalars as read from JSON
   */
  differences(scalars: unknown): string[] {
    this.check();
    return optionDifferences(scalars, this.options());
  }

  /** The keys of the tensors that `state` gives. */
  get stateKeys(): readonly string[] {
    return [...this.stateTensors.keys()];
  }

  /** What of the optimizer goes by all gradients of a step together; null for nothing. */
  get goesByAllGradients(): string | null {
    const { rule, settings } = this;
    if (settings.clipGradNorm !== null) return "clipGradNorm";
    const measures = "measures" in rule ? (rule.measures?.(settings.hyper) ?? []) : [];
    if (measures.some(({ over }) => over === "all")) return `the rule ${rule.name}`;
    return settings.transforms.find(({ overAll }) => overAll)?.name ?? null;
  }

  /**
   * Gives back the memory of the gradients: from here on they have some for the time of a step only, and each step
   * has to be given them. One that lies as the optimizer wants it is read where it is. For `perLayer`.
   */
  borrowGradients(): void {
    this.check();
    if (this.borrows) return;
    this.borrows = true;
    for (const view of this.gradientViews) view.dispose();
    this.gradientViews = [];
    this.arena.release(this.gradients);
    this.gradients = [];
  }

  /** Gives back gradients and states. The parameters live on. Idempotent. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const view of this.gradientViews) view.dispose();
    this.arena.release(this.gradients);
    for (const part of this.everyPart()) part.dispose();
    this.control.dispose();
    this.arena.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private everyPart(): readonly Part[] {
    return [...this.parts, ...this.deciding, ...this.before, ...this.after];
  }

  private check(): void {
    if (this.disposed)
      throw new DisposedError(
        `optim.${this.rule.name}: the optimizer was used after it was disposed.`,
      );
  }

  /** The tensor with memory behind a value that was passed in. */
  private onDevice(name: string, value: Tensor): DeviceTensor {
    const tensor = resolve(value);
    if (!(tensor instanceof DeviceTensor))
      throw new ArgumentError(
        `${name} is a value inside a transform. Step outside of grad and other transforms.`,
      );
    tensor.check();
    if (tensor.device !== this.arena.device)
      throw new ArgumentError(`${name} lives on another device than the parameters.`);
    return tensor;
  }

  /** As `onDevice`, of floats. */
  private float(name: string, value: Tensor): DeviceTensor {
    const tensor = this.onDevice(name, value);
    if (!isFloat(tensor.dtype))
      throw new DTypeError(`${name} has dtype ${tensor.dtype}; it takes f32 or f16.`);
    return tensor;
  }

  private scalar(name: string, value: Tensor | undefined): DeviceTensor | null {
    if (!value) return null;
    const tensor = this.onDevice(`step: ${name}`, value);
    if (tensor.dtype !== "f32" || tensor.size !== 1)
      throw new ArgumentError(
        `step: ${name} is ${tensor.dtype} of shape ${show(tensor.shape)}; it takes an f32 scalar.`,
      );
    return tensor;
  }

  /** Gradients as they were given, one for each parameter. */
  private real(gradients: readonly Tensor[]): readonly DeviceTensor[] {
    if (gradients.length !== this.parameters.length)
      throw new ArgumentError(
        `step: ${gradients.length} gradients for ${this.parameters.length} parameters. Pass one for each of optimizer.parameters, in that order.`,
      );
    return gradients.map((gradient, i) => {
      const name = `step: the gradient of ${this.names[i]}`;
      if (!gradient)
        throw new ArgumentError(`${name} is missing. Pass zeros, or freeze the parameter.`);
      const tensor = this.float(name, gradient);
      const { shape } = this.parameters[i]!;
      if (!sameShape(tensor.shape, shape))
        throw new ShapeError(
          `${name} has shape ${show(tensor.shape)}; the parameter has ${show(shape)}.`,
        );
      return tensor;
    });
  }

  /**
   * Runs `use` while the gradients lie where parts look for them.
   * @param given null for what lies there: those that were written through `gradientView`, or zeros
   */
  private withGradients(given: readonly DeviceTensor[] | null, use: () => void): void {
    const fill = (): void =>
      given?.forEach((gradient, i) => {
        this.arena.fill(this.gradients, i, gradient);
      });
    if (!this.borrows) {
      fill();
      use();
      return;
    }
    const whole = given && this.before.length === 0 ? this.arena.asBuffers(given) : null;
    for (const storage of whole ?? []) storage.retain();
    this.gradients = whole ?? this.arena.allocate("gradients", "gradient");
    try {
      fill();
      use();
    } finally {
      this.arena.release(this.gradients);
      this.gradients = [];
    }
  }

  private basics(): Pick<PartContext, "seed" | "parameter" | "firstRate"> {
    return {
      seed: this.settings.seed,
      parameter: (i) => this.parameters[i]!,
      firstRate: () => rateAt(this.settings.rate, 0),
    };
  }

  private openPart(way: Way, members: readonly number[]): Part {
    const context: PartContext = {
      arena: this.arena,
      members,
      control: this.control,
      hyper: () => hyperOf(way, this.settings.hyper, this.groups),
      format: way.format,
      cautious: way.cautious,
      rateFactor: way.rateFactor,
      ...this.basics(),
    };
    const { rule, subspace } = way;
    if (subspace) return subspace.part(rule, context);
    return "open" in rule ? rule.open(context) : new FusedPart(rule, context);
  }

  private move(mode: "eval" | "train", evaluating: boolean): void {
    this.check();
    if (this.evaluating === evaluating) return;
    this.evaluating = evaluating;
    if (![...this.parts, ...this.after].some((part) => part.move)) return;
    const there = [...this.parts, ...this.after];
    const order = evaluating ? there : there.reverse();
    this.withGradients(null, () => {
      this.arena.clear(this.gradients);
      const step = this.partStep();
      for (const part of order) part.move?.(mode, step);
    });
  }

  private partStep(): PartStep {
    const { gradients, steps, folded } = this;
    const groups = this.groups.map(({ rate: own, weightDecay }) => {
      const schedule = own ?? this.settings.rate;
      return { rate: rateAt(schedule, steps), baseRate: baseRateOf(schedule), weightDecay };
    });
    return { gradients, steps, folded, groups };
  }

  private takeOptions(saved: OptimizerScalars): void {
    const where = "loadState: the checkpoint's options";
    try {
      const hyper = Object.fromEntries(
        Object.keys(this.rule.defaults).map((name) => [name, saved.hyperParameters[name]!]),
      );
      this.rule.check(hyper);
      const rate = restoredSchedule(saved.lr, this.settings.rate);
      const rates = saved.groups.map(
        ({ lr }, i) => lr && restoredSchedule(lr, this.groups[i]!.rate),
      );
      const own = saved.groups.map(({ hyperParameters }) => hyperParameters);
      for (const group of own) this.rule.check(withDefaults(hyper, group));
      const decays = saved.groups.map(({ weightDecay }) => requireWeightDecay(where, weightDecay));
      const { clipGradNorm } = saved;
      const skipNonFinite = saved.skipNonFinite !== false;
      requireClip(where, clipGradNorm);
      this.settings = { ...this.settings, hyper, rate, clipGradNorm, skipNonFinite };
      this.groups.forEach((group, i) => {
        group.rate = rates[i]!;
        group.weightDecay = decays[i]!;
        group.hyper = own[i]!;
      });
    } catch (error) {
      if (!(error instanceof ArgumentError || error instanceof TypeError)) throw error;
      throw new CheckpointError(
        `loadState: the checkpoint's optimizer options are not valid: ${error.message}`,
      );
    }
  }
}

const indicesOf = (wayOf: readonly number[], way: number): number[] =>
  wayOf.flatMap((w, i) => (w === way ? [i] : []));

/** The optimizer's own where it is what was saved: the functions of custom schedules are in no checkpoint. */
function restoredSchedule(saved: unknown, own: Schedule | null): Schedule {
  return own && JSON.stringify(saved) === JSON.stringify(own) ? own : fromJSON(saved);
}

/** The rate that a schedule rises to or starts from. */
function baseRateOf(schedule: Schedule): number {
  const { peak } = schedule.toJSON() as { peak?: number };
  return peak ?? schedule(0);
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
