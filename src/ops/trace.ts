/**
 * How an operation finds out what to do. A transform in progress wraps the values it follows in tracers;
 * `bind` hands an operation to the innermost transform among its operands, which in turn binds it one
 * level further out, down to the device. So transforms nest, and none knows of the others.
 */
import { ArgumentError, TilegradError } from "../errors";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type HostArray, isPacked } from "../tensor/dtype";
import { show, sizeOf } from "../tensor/shape";
import { requireTensor, Tensor } from "../tensor/tensor";
import { withAutocast } from "./autocast";
import { onWidened } from "./packed";
import type { Primitive, Spec } from "./primitive";
import { runWatch } from "./variants";

/** A transform in progress. Inner ones have the higher level. */
export interface Trace {
  readonly level: number;
  process<A>(primitive: Primitive<A>, operands: readonly Tensor[], attrs: A): Tensor[];
  processCustom(rule: CustomRule, operands: readonly Tensor[]): Tensor[];
}

/**
 * The trace of a function that is being compiled: every operation inside goes to it, also those on tensors
 * from outside, whose elements may be others when the compiled function runs.
 */
export interface Staging extends Trace {
  /** The elements of `target`, a tensor from outside, shall become those of `value`. */
  write(target: DeviceTensor, value: Tensor): void;
  /** Operations of `fn` repeat earlier ones on purpose, to keep less in memory. */
  recomputing<T>(fn: () => T): T;
  /** The compiled function holds only as long as `read` gives what it gives now. */
  assume(what: string, read: () => unknown): void;
}

let staging: Staging | null = null;

/** The trace of the function that is being compiled, or null. */
export const currentStaging = (): Staging | null => staging;

/** Runs `fn` with every operation going to `trace`. */
export function whileStaging<T>(trace: Staging, fn: () => T): T {
  const before = staging;
  staging = trace;
  try {
    return fn();
  } finally {
    staging = before;
  }
}

let depth = 0;

/** Whether a transform is in progress. */
export const isTransforming = (): boolean => depth > 0;

/** Runs `fn` with the level of a transform inside all that are in progress. */
export function atNewLevel<T>(fn: (level: number) => T): T {
  try {
    return fn(++depth);
  } finally {
    depth--;
  }
}

/** A function with a reverse or a forward rule of its own: see transforms/customVjp and customJvp. */
export interface CustomRule {
  readonly name: string;
  forward(...operands: Tensor[]): {
    readonly outputs: readonly Tensor[];
    readonly residuals: readonly Tensor[];
  };
  /** From residuals and cotangents of the outputs to cotangents of the operands. */
  readonly backward:
    | ((
        residuals: readonly Tensor[],
        cotangents: readonly (Tensor | null)[],
      ) => readonly (Tensor | null)[])
    | null;
  /** From operands and their tangents to tangents of the outputs. At least one of the two is there. */
  readonly jvp:
    | ((
        operands: readonly Tensor[],
        tangents: readonly (Tensor | null)[],
      ) => readonly (Tensor | null)[])
    | null;
}

/** A value followed by a transform. */
export abstract class Tracer extends Tensor {
  abstract readonly trace: Trace;
  /** The same value one level further out. */
  abstract readonly primal: Tensor;

  get device() {
    return this.primal.device;
  }

  override get disposed(): boolean {
    return this.primal.disposed;
  }

  override get owned(): readonly { dispose(): void }[] {
    return this.primal.owned;
  }

  override dispose(): void {
    this.primal.dispose();
  }

  override data(): Promise<HostArray> {
    throw new TilegradError(
      `A value of shape ${show(this.shape)} inside a transform cannot be read there. Return it (for grad: as auxiliary output, { hasAux: true }) and read it outside.`,
    );
  }
}

/** The value to use for an operand: a parameter's stand-in, if a transform set one. */
export function resolve(tensor: Tensor): Tensor {
  let current = tensor;
  while (current instanceof DeviceTensor && current.standIn) current = current.standIn;
  return current;
}

function innermost(inputs: readonly Tensor[]): Trace | null {
  let trace: Trace | null = null;
  for (const input of inputs)
    if (input instanceof Tracer && (!trace || input.trace.level > trace.level)) trace = input.trace;
  return trace;
}

/** Runs a function with its own reverse rule. */
export function bindCustom(rule: CustomRule, operands: readonly Tensor[]): readonly Tensor[] {
  const inputs = operands.map(resolve);
  const trace = innermost(inputs) ?? staging;
  return trace?.processCustom(rule, inputs) ?? rule.forward(...inputs).outputs;
}

/** Runs one primitive. @throws what its shape rule throws; DisposedError; ArgumentError for two devices. */
export function bind<A>(primitive: Primitive<A>, operands: readonly Tensor[], attrs: A): Tensor[] {
  const inputs = operands.map((operand) => {
    requireTensor(primitive.name, operand);
    return resolve(operand);
  });
  return withAutocast(primitive.name, inputs, (cast) => bindAs(primitive, cast, attrs));
}

/** `bind` with operands of the types that they shall have. */
function bindAs<A>(primitive: Primitive<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const trace = innermost(inputs) ?? staging;
  if (trace) return trace.process(primitive, inputs, attrs);
  const real = inputs as DeviceTensor[];
  for (const input of real) {
    input.check();
    if (input.device !== real[0]!.device)
      throw new ArgumentError(
        `${primitive.name}: its operands live on different devices. Make them on one, or read and re-create.`,
      );
  }
  return runOnDevice(primitive, real, attrs);
}

/** Records the kernels of one primitive on tensors with memory. */
export function runOnDevice<A>(
  primitive: Primitive<A>,
  inputs: readonly DeviceTensor[],
  attrs: A,
): DeviceTensor[] {
  if (primitive.takesPacked || !inputs.some((t) => isPacked(t.dtype)))
    return runReal(primitive, inputs, attrs);
  return onWidened(inputs, (wide) => runReal(primitive, wide, attrs));
}

function runReal<A>(
  primitive: Primitive<A>,
  inputs: readonly DeviceTensor[],
  attrs: A,
): DeviceTensor[] {
  const outputs = primitive.outputs(inputs, attrs);
  if (inputs[0] && outputs.every(isEmpty))
    return outputs.map((o) => DeviceTensor.empty(inputs[0]!.device, o.shape, o.dtype));
  return (
    runWatch.current?.(primitive, inputs, attrs, outputs) ?? primitive.run(inputs, attrs, outputs)
  );
}

const isEmpty = (spec: Spec): boolean => sizeOf(spec.shape) === 0;
