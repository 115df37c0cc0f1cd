/**
 * What users hold. `Tensor` is the face: a shape, a dtype, the operations as methods (installed by
 * ops/methods). A `DeviceTensor` has memory; a tracer stands for a value inside a transform.
 */
import type { Device } from "../device/device";
import { ArgumentError, ShapeError } from "../errors";
import type { DType, HostArray } from "./dtype";
import { type Nested, nest } from "./nested";
import { type Shape, show, sizeOf } from "./shape";

/**
 * An array of numbers on a device: a shape, a dtype, and the operations as methods (`x.add(y)` is `add(x, y)`).
 * Made by `tensor` and by operations; it never changes. Its memory is freed by `dispose` or by the `scope` around.
 */
export abstract class Tensor {
  abstract readonly device: Device;

  constructor(
    readonly shape: Shape,
    readonly dtype: DType,
  ) {}

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /**
   * The elements in row-major order. Waits for the device.
   * @returns Float32Array (f32, f16), Int32Array, Uint32Array, or Uint8Array of 0 and 1 (bool)
   */
  abstract data(): Promise<HostArray>;

  /** Gives the memory back. Idempotent; views keep it alive until they too are disposed. */
  abstract dispose(): void;

  /** True once `dispose` was called, or a scope that owned the tensor closed. */
  abstract readonly disposed: boolean;

  /** A second handle on the same value that no scope owns: whoever made it disposes it. */
  abstract alias(): Tensor;

  /** The handles that scopes own: the tensors with memory at the bottom of any tracers. */
  abstract readonly owned: readonly { dispose(): void }[];

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * The single element. Waits for the device.
   * @throws ShapeError unless the tensor has exactly one element.
   */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError(
        `item: the tensor has shape ${show(this.shape)}; only one element can be read as a number. Use data() or toArray().`,
      );
    return (await this.data())[0]!;
  }

  /** The elements as nested arrays (a plain number for a scalar). Waits for the device. */
  async toArray(): Promise<Nested<number>> {
    return nest(await this.data(), this.shape);
  }

  toString(): string {
    return `Tensor(${this.dtype}, [${this.shape.join(", ")}])`;
  }

  /** How Node's console shows it, alone and inside modules. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /**
   * What `loss < 1` or `x * 2` asks for, which would go on with NaN.
   * @throws ArgumentError always
   */
  valueOf(): never {
    throw new ArgumentError(
      `${this} is no number. Use its methods, such as mul(2), or read it: await x.item().`,
    );
  }

  /** @throws ArgumentError always: JSON cannot wait for the device */
  toJSON(): never {
    throw new ArgumentError(`${this} is not written as JSON. Read it first: await x.toArray().`);
  }
}

/** @throws ArgumentError for what is no tensor, which only callers without types can pass */
export function requireTensor(op: string, value: unknown): void {
  if (!(value instanceof Tensor))
    throw new ArgumentError(
      `${op}: got ${typeof value === "string" ? `"${value}"` : String(value)} in place of a tensor. Make one with tensor(value).`,
    );
}
