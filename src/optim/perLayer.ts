/**
 * Updates during the backward pass: each layer has an optimizer of its own, which moves it as soon as its gradients
 * are whole; then they are freed. Gradients of two layers never live together, so they take the memory of the
 * largest layer instead of that of the model: Lv et al., "Full parameter fine-tuning for large language models with
 * limited resources" (LOMO), 2023; GaLore's per-layer mode.
 *
 * What goes by all gradients of a step has no meaning here: when the first layer moves, the gradients of most are
 * not there yet. A layer whose own gradient is not finite is skipped by itself.
 */
import { ArgumentError, CheckpointError } from "../errors";
import type { StateValue } from "../nn/module";
import { currentStaging } from "../ops/trace";
import { requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { keep, scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { valueAndEachGradient } from "../transforms/parameters";
import { type NamedParameter, readGroups } from "./groups";
import type { Optimizer } from "./optimizer";
import type { LoadStateOptions } from "./optimizerOptions";
import type { OptimizerScalars } from "./optimizerState";
import type { Schedule } from "./schedule";

/** Makes the optimizer of a layer. @param number of the layer: a seed, for what is drawn at random */
export type MakeLayerOptimizer = (
  parameters: readonly NamedParameter[],
  layer: string,
  number: number,
) => Optimizer;

export interface PerLayerOptions {
  /** The name of the layer that a parameter belongs to. Default: each parameter is a layer. */
  layerOf?: (parameter: string) => string;
}

/** Plain JSON. */
export interface PerLayerScalars {
  readonly format: 2;
  readonly layers: Readonly<Record<string, OptimizerScalars>>;
}

/** What `state()` gives and `loadState` takes. */
export interface PerLayerState {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly scalars: PerLayerScalars;
}

interface Layer {
  readonly name: string;
  readonly optimizer: Optimizer;
  /** Of its parameters: the gradients of the step in progress. */
  readonly gradients: (Tensor | null)[];
}

/** What `perLayer` makes: one optimizer for each layer. `trainStep` takes it in an optimizer's place. */
export class PerLayerOptimizer {
  /** Tells it from an optimizer of all parameters without loading its class. */
  readonly perLayer = true;
  /** In the order that they were given. */
  readonly parameters: readonly DeviceTensor[];
  readonly names: readonly string[];
  private readonly layers: readonly Layer[];
  /** Of each parameter: its layer, and its place there. */
  private readonly places: readonly { readonly layer: Layer; readonly at: number }[];

  private constructor(
    members: readonly { readonly name: string; readonly tensor: DeviceTensor }[],
    layers: readonly Layer[],
  ) {
    this.parameters = members.map(({ tensor }) => tensor);
    this.names = members.map(({ name }) => name);
    this.layers = layers;
    this.places = members.map(({ tensor }) => {
      const layer = layers.find(({ optimizer }) => optimizer.parameters.includes(tensor))!;
      return { layer, at: layer.optimizer.parameters.indexOf(tensor) };
    });
  }

  static create(
    parameters: Iterable<NamedParameter>,
    make: MakeLayerOptimizer,
    options: PerLayerOptions = {},
  ): PerLayerOptimizer {
    const where = "optim.perLayer";
    requireOptions(where, options, "layerOf");
    const given = [...parameters];
    if (given.some((item) => typeof item === "object" && item !== null && "params" in item))
      throw new ArgumentError(
        `${where}: it takes parameters, no groups. Give the options of a layer in the function that makes its optimizer.`,
      );
    const { members } = readGroups(where, given, 0, []);
    const { layerOf = (name) => name } = options;
    const byLayer = new Map<string, (typeof members)[number][]>();
    for (const member of members) {
      const layer = layerOf(member.name);
      const own = byLayer.get(layer);
      if (own) own.push(member);
      else byLayer.set(layer, [member]);
    }
    const layers: Layer[] = [];
    try {
      for (const [name, own] of byLayer) {
        const named = own.map(({ name, tensor }) => [name, tensor] as const);
        const optimizer = make(named, name, layers.length);
        layers.push({ name, optimizer, gradients: own.map(() => null) });
        const all = optimizer.goesByAllGradients;
        if (all)
          throw new ArgumentError(
            `${where}: ${all} goes by the gradients of all layers together, and a layer is updated before those of the others are there. Leave it out, or use clipNorm and the like, which go by one tensor.`,
          );
        if (!own.every(({ tensor }) => optimizer.parameters.includes(tensor)))
          throw new ArgumentError(
            `${where}: the optimizer made for ${name} has other parameters. Pass on those that the function is given.`,
          );
        optimizer.borrowGradients();
      }
    } catch (error) {
      for (const { optimizer } of layers) optimizer.dispose();
      throw error;
    }
    return new PerLayerOptimizer(members, layers);
  }

  /** The optimizer of each layer, by name, in the order of the parameters. */
  get optimizers(): ReadonlyMap<string, Optimizer> {
    return new Map(this.layers.map(({ name, optimizer }) => [name, optimizer]));
  }

  /** Steps so far. */
  get stepCount(): number {
    return this.layers[0]!.optimizer.stepCount;
  }

  /** The norm of each layer's gradients at the last step, f32 scalars: live, read them before the next step. */
  get gradNorms(): readonly Tensor[] {
    return this.layers.map(({ optimizer }) => optimizer.stats.gradNorm);
  }

  /** The rate that the next step uses in the first layer. */
  get learningRate(): number {
    return this.layers[0]!.optimizer.learningRate;
  }

  /** Of all layers, from the next step on. @throws ArgumentError */
  set learningRate(lr: number | Schedule) {
    for (const { optimizer } of this.layers) optimizer.learningRate = lr;
  }

  /**
   * Computes a loss and goes backwards through it; each layer is updated on the way. Nothing is read back.
   *
   * @param loss a scalar that reads the parameters, which still have the values before the step
   * @returns the loss
   * @throws ArgumentError in a compiled function; ShapeError for a loss that is no scalar. Layers that were passed
   *   when something throws have been updated.
   */
  step(loss: () => Tensor): Tensor {
    if (currentStaging())
      throw new ArgumentError(
        "optim.perLayer: step runs in a compiled function, whose gradients are all there before anything moves. Call it outside.",
      );
    try {
      const { value } = valueAndEachGradient(
        this.parameters,
        () => [loss(), null] as const,
        (i, gradient) => this.take(i, gradient),
      );
      return value;
    } finally {
      for (const layer of this.layers) dropGradients(layer);
    }
  }

  /** As of an optimizer. */
  eval(): void {
    for (const { optimizer } of this.layers) optimizer.eval();
  }

  /** As of an optimizer. */
  train(): void {
    for (const { optimizer } of this.layers) optimizer.train();
  }

  /**
   * Learns from the device how many steps were skipped.
   * @returns of the layer that skipped most
   */
  async sync(): Promise<number> {
    const skipped = await Promise.all(this.layers.map(({ optimizer }) => optimizer.sync()));
    return Math.max(...skipped);
  }

  /** Everything a checkpoint needs to go on bit by bit. Waits for the device. */
  async state(): Promise<PerLayerState> {
    const tensors: Record<string, Tensor> = {};
    const layers: Record<string, OptimizerScalars> = {};
    for (const { name, optimizer } of this.layers) {
      const state = await optimizer.state();
      Object.assign(tensors, state.tensors);
      layers[name] = state.scalars;
    }
    return { tensors, scalars: { format: 2, layers } };
  }

  /**
   * Takes over a saved state, as an optimizer does.
   * @throws CheckpointError naming what differs; nothing is changed then
   */
  loadState(
    state: { tensors: Readonly<Record<string, StateValue>>; scalars: unknown },
    options: LoadStateOptions = {},
  ): void {
    requireOptions("optimizer.loadState", options, "keepOptions");
    const states = this.checkState(state);
    this.layers.forEach(({ optimizer }, l) => {
      optimizer.loadState(states[l]!, options);
    });
  }

  /**
   * What `loadState` would refuse. Changes nothing.
   * @returns the states of the layers
   * @throws CheckpointError naming what differs
   */
  checkState(state: {
    tensors: Readonly<Record<string, StateValue>>;
    scalars: unknown;
  }): { tensors: Readonly<Record<string, StateValue>>; scalars: unknown }[] {
    const saved = (state.scalars as Partial<PerLayerScalars> | null)?.layers;
    if (typeof saved !== "object" || saved === null)
      throw new CheckpointError(
        "loadState: the checkpoint is not of updates per layer. Make the optimizer it was saved from.",
      );
    const owners = new Map<string, number>();
    this.layers.forEach(({ optimizer }, l) => {
      for (const key of optimizer.stateKeys) owners.set(key, l);
    });
    const tensors = this.layers.map((): Record<string, StateValue> => ({}));
    for (const [key, value] of Object.entries(state.tensors)) {
      const owner = owners.get(key);
      if (owner === undefined)
        throw new CheckpointError(
          `loadState: the checkpoint has ${key}, which no layer of this optimizer has. Make the model and the optimizer with the options of the saved run.`,
        );
      tensors[owner]![key] = value;
    }
    const states = this.layers.map(({ name }, l) => ({
      tensors: tensors[l]!,
      scalars: saved[name],
    }));
    this.layers.forEach(({ optimizer }, l) => {
      optimizer.checkState(states[l]!);
    });
    return states;
  }

  /** As of an optimizer; what several layers have otherwise in the same way is told once. */
  differences(scalars: unknown): string[] {
    const saved = (scalars as Partial<PerLayerScalars> | null)?.layers;
    const all = this.layers.flatMap(({ name, optimizer }) => optimizer.differences(saved?.[name]));
    return [...new Set(all)];
  }

  /** Gives back the states. The parameters live on. Idempotent. */
  dispose(): void {
    for (const { optimizer } of this.layers) optimizer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The gradient of parameter i is whole; the layer moves when all of its gradients are. */
  private take(i: number, gradient: Tensor): void {
    const { layer, at } = this.places[i]!;
    layer.gradients[at] = keep(gradient.alias());
    const { optimizer, gradients } = layer;
    const whole = gradients.flatMap((g) => g ?? []);
    if (whole.length < gradients.length) return;
    scope(() => optimizer.step(whole));
    dropGradients(layer);
  }
}

function dropGradients({ gradients }: Layer): void {
  gradients.forEach((gradient, i) => {
    gradient?.dispose();
    gradients[i] = null;
  });
}

/**
 * One optimizer for each layer, which moves it during the backward pass, so that the gradients of two layers never
 * live together.
 *
 * @param parameters `model.namedParameters()`; frozen ones are left out
 * @param make the optimizer of a layer, of any rule, state format and subspace
 * @throws ArgumentError for what goes by the gradients of all layers (`clipGradNorm`, `clipGlobalNorm`, DoG), for
 *   groups, and for what the optimizers throw
 * @example
 * const optimizer = optim.perLayer(model.namedParameters(), (layer) => optim.adamw(layer, { lr: 1e-3 }));
 * const step = trainStep(model, optimizer, loss);
 */
export const perLayer = (
  parameters: Iterable<NamedParameter>,
  make: MakeLayerOptimizer,
  options: PerLayerOptions = {},
): PerLayerOptimizer => PerLayerOptimizer.create(parameters, make, options);
