/**
 * Tracing a function to a graph. While the function runs, every operation becomes a node, also those on
 * tensors that the function captures: their elements may be others at the next call. What the function makes
 * from host values or by filling is made once, at once, and is a constant of the graph.
 *
 * Transforms inside the function run as always, on top of this trace, so the graph of a gradient is that of
 * its forward and backward operations.
 */
import type { Device } from "../device/device";
import { ArgumentError, TilegradError } from "../errors";
import { outputSpecs } from "../ops/packed";
import type { Primitive } from "../ops/primitive";
import {
  atNewLevel,
  type CustomRule,
  resolve,
  type Staging,
  Tracer,
  whileStaging,
} from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import { Storage } from "../tensor/storage";
import type { Tensor } from "../tensor/tensor";
import { tensorsOf } from "../tensor/tree";
import { type Graph, makeNode, type Node, type Value, type Write } from "./graph";

/** A tensor from outside, and where its elements were when the function was traced. */
class Followed {
  private readonly storage: Storage;
  private readonly offset: number;

  constructor(private readonly tensor: DeviceTensor) {
    this.storage = tensor.storage;
    this.offset = tensor.offset;
  }

  get isDisposed(): boolean {
    return this.tensor.disposed;
  }

  get hasMoved(): boolean {
    return this.tensor.storage !== this.storage || this.tensor.offset !== this.offset;
  }
}

/** A value of the graph, as the traced function sees it. */
class GraphTensor extends Tracer {
  constructor(
    readonly trace: GraphTrace,
    readonly value: Value,
  ) {
    super(value.shape, value.dtype);
  }

  override get device(): Device {
    return this.trace.device;
  }

  override get primal(): Tensor {
    throw new TilegradError("A value of a graph has no value one level further out.");
  }

  override get disposed(): boolean {
    return false;
  }

  override get owned(): readonly [] {
    return [];
  }

  override dispose(): void {}

  override alias(): Tensor {
    return this;
  }

  override data(): Promise<never> {
    throw new TilegradError(
      `A value of shape ${show(this.shape)} inside compile cannot be read there, because it is computed when the compiled function runs. Return it and read it outside.`,
    );
  }
}

/** What the graph holds as long as the function read `current` from it. */
export interface Assumption {
  readonly what: string;
  readonly read: () => unknown;
  readonly current: unknown;
}

class GraphTrace implements Staging {
  readonly nodes: Node[] = [];
  readonly assumptions: Assumption[] = [];
  /** Handles of the trace's own on what it captured. */
  readonly held: DeviceTensor[] = [];
  private readonly followed = new Map<DeviceTensor, Followed>();
  private readonly captured = new Map<Storage, { tensor: DeviceTensor; value: Value }[]>();
  private readonly written: { target: DeviceTensor; value: Value }[] = [];
  private readonly start = Storage.lastSerial;
  private isRecomputing = false;

  constructor(
    readonly level: number,
    readonly device: Device,
  ) {}

  argument(index: number, { shape, dtype }: Pick<Tensor, "shape" | "dtype">): Tensor {
    return new GraphTensor(this, { shape, dtype, source: { kind: "argument", index } });
  }

  process<A>(primitive: Primitive<A>, operands: readonly Tensor[], attrs: A): Tensor[] {
    const inputs = operands.map((t) => this.valueOf(t, primitive.name));
    const specs = outputSpecs(primitive, inputs, attrs);
    const node = makeNode(primitive, attrs, inputs, specs, this.isRecomputing || undefined);
    this.nodes.push(node);
    return node.outputs.map((value) => new GraphTensor(this, value));
  }

  processCustom(rule: CustomRule, operands: readonly Tensor[]): Tensor[] {
    return [...rule.forward(...operands).outputs];
  }

  write(target: DeviceTensor, value: Tensor): void {
    this.check(target, "assign");
    this.follow(target);
    const entry = { target: this.hold(target), value: this.valueOf(value, "assign") };
    const known = this.written.findIndex((w) => sameElements(w.target, target));
    if (known >= 0) this.written.splice(known, 1);
    this.written.push(entry);
  }

  recomputing<T>(fn: () => T): T {
    const before = this.isRecomputing;
    this.isRecomputing = true;
    try {
      return fn();
    } finally {
      this.isRecomputing = before;
    }
  }

  assume(what: string, read: () => unknown): void {
    this.assumptions.push({ what, read, current: read() });
  }

  get writes(): Write[] {
    return this.written.map(({ target, value }) => ({ target, value }));
  }

  /** @throws ArgumentError for a value of another trace or device */
  valueOf(operand: Tensor, op: string): Value {
    const tensor = resolve(operand);
    if (tensor instanceof GraphTensor && tensor.trace === this) return tensor.value;
    if (!(tensor instanceof DeviceTensor))
      throw new ArgumentError(
        `${op}: an operand inside compile is a value of another transform or of an earlier call of the function. Return values instead of keeping them.`,
      );
    this.check(tensor, op);
    return this.lift(tensor);
  }

  /** What the function read or wrote from outside and did not dispose itself. */
  get outside(): Followed[] {
    return [...this.followed.values()].filter((one) => !one.isDisposed);
  }

  private check(tensor: DeviceTensor, op: string): void {
    tensor.check();
    if (tensor.device !== this.device)
      throw new ArgumentError(
        `${op}: its operands live on different devices. Make them on one, or read and re-create.`,
      );
  }

  private follow(tensor: DeviceTensor): void {
    if (!this.followed.has(tensor)) this.followed.set(tensor, new Followed(tensor));
  }

  /** A handle on the same elements that lasts as long as the graph. */
  private hold(tensor: DeviceTensor): DeviceTensor {
    const own = tensor.alias();
    this.held.push(own);
    return own;
  }

  private lift(tensor: DeviceTensor): Value {
    this.follow(tensor);
    for (const { target, value } of this.written.toReversed()) {
      if (sameElements(target, tensor)) return value;
      if (target.storage === tensor.storage && overlap(target, tensor))
        throw new ArgumentError(
          `compile: the function reads a view of a tensor of shape ${show(target.shape)} after it assigned to it. Read it through the tensor itself.`,
        );
    }
    let known = this.captured.get(tensor.storage);
    if (!known) {
      known = [];
      this.captured.set(tensor.storage, known);
    }
    const same = known.find((entry) => sameElements(entry.tensor, tensor));
    if (same) return same.value;
    const own = this.hold(tensor);
    const { shape, dtype, storage } = own;
    const isConstant = storage.immutable || (storage.serial > this.start && !tensor.isAssignable);
    const kind = isConstant ? "constant" : "captured";
    const value: Value = { shape, dtype, source: { kind, tensor: own } };
    known.push({ tensor: own, value });
    return value;
  }
}

/** Whether two handles read the same elements in the same way. */
function sameElements(a: DeviceTensor, b: DeviceTensor): boolean {
  return (
    a.storage === b.storage &&
    a.offset === b.offset &&
    a.dtype === b.dtype &&
    sameShape(a.shape, b.shape) &&
    sameShape(a.strides, b.strides)
  );
}

/** Whether the ranges of two views of one storage meet. */
function overlap(a: DeviceTensor, b: DeviceTensor): boolean {
  const [x, y] = [a.binding, b.binding];
  return x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes;
}

export interface Traced<T> {
  readonly graph: Graph;
  /** What the function returned; its tensors, in `forEachTensor` order, stand for the graph's results. */
  readonly structure: T;
  readonly assumptions: readonly Assumption[];
  /** Why the graph reads or writes what the function would not any more; null where it does not. */
  outdated(): string | null;
  /** Frees the handles on captured tensors and constants. */
  release(): void;
}

/**
 * @param args shapes and dtypes of the tensors that `fn` takes
 * @param fn gets a stand-in for each
 */
export function trace<T>(
  device: Device,
  args: readonly Pick<Tensor, "shape" | "dtype">[],
  fn: (args: readonly Tensor[]) => T,
): Traced<T> {
  return atNewLevel((level) => {
    const staged = new GraphTrace(level, device);
    const release = (): void => {
      for (const tensor of staged.held.splice(0)) tensor.dispose();
    };
    try {
      const given = args.map((arg, i) => staged.argument(i, arg));
      const results: Value[] = [];
      const structure = scope(() =>
        whileStaging(staged, () => {
          const returned = fn(given);
          for (const t of tensorsOf(returned))
            results.push(staged.valueOf(t, "a result of compile"));
          return returned;
        }),
      );
      const graph: Graph = { nodes: staged.nodes, results, writes: staged.writes };
      const { assumptions, outside } = staged;
      const outdated = (): string | null => {
        for (const one of outside) {
          if (one.isDisposed) return "a tensor that the function uses was disposed";
          if (one.hasMoved) return "a tensor that the function uses has moved to other memory";
        }
        return null;
      };
      return { graph, structure, assumptions, outdated, release };
    } catch (error) {
      release();
      throw error;
    }
  });
}
