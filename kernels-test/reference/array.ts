/** Arrays in f64 on the host, row-major: what the device's results are compared with. Clear and slow. */

export interface HostArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

export function array(shape: readonly number[], data: ArrayLike<number>): HostArray {
  if (data.length !== sizeOf(shape))
    throw new Error(`${data.length} values do not fill [${shape.join(", ")}]`);
  return { shape, data: Float64Array.from(data) };
}

/** Every index of a shape, in row-major order. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  const index = shape.map(() => 0);
  for (let count = sizeOf(shape); count > 0; count--) {
    yield [...index];
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = index[d]! + 1;
      if (index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
}

/** The position of an index in row-major order. */
export function position(shape: readonly number[], index: readonly number[]): number {
  return index.reduce((at, i, d) => at * shape[d]! + i, 0);
}

/** The element at an index of a larger shape that `x` broadcasts to. */
export function broadcastAt(x: HostArray, index: readonly number[]): number {
  const missing = index.length - x.shape.length;
  return x.data[
    position(
      x.shape,
      x.shape.map((d, i) => (d === 1 ? 0 : index[i + missing]!)),
    )
  ]!;
}

/** A new array from a rule for each index. */
export function generate(shape: readonly number[], value: (index: number[]) => number): HostArray {
  return array(shape, [...indices(shape)].map(value));
}

export const at = (x: HostArray, index: readonly number[]): number =>
  x.data[position(x.shape, index)]!;

/** Whether NumPy would broadcast the shapes, and to what. */
export function broadcastShape(...shapes: (readonly number[])[]): number[] | null {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out: number[] = [];
  for (let i = 1; i <= rank; i++) {
    const sizes = shapes.map((s) => s[s.length - i] ?? 1);
    const size = sizes.find((d) => d !== 1) ?? 1;
    if (sizes.some((d) => d !== 1 && d !== size)) return null;
    out.unshift(size);
  }
  return out;
}

/** Element by element, with broadcasting. */
export function pointwise(
  fn: (...values: number[]) => number,
  ...operands: readonly HostArray[]
): HostArray {
  const shape = broadcastShape(...operands.map((x) => x.shape));
  if (!shape) throw new Error("the operands do not broadcast");
  return generate(shape, (index) => fn(...operands.map((x) => broadcastAt(x, index))));
}

/** Over `dims`, which disappear: the elements of each group in row-major order become one number. */
export function reduceDims(
  x: HostArray,
  dims: readonly number[],
  fn: (values: number[]) => number,
): HostArray {
  const kept = x.shape.flatMap((_, i) => (dims.includes(i) ? [] : [i]));
  const groups = new Map<number, number[]>();
  const shape = kept.map((i) => x.shape[i]!);
  for (let i = 0; i < sizeOf(shape); i++) groups.set(i, []);
  for (const index of indices(x.shape))
    groups
      .get(
        position(
          shape,
          kept.map((i) => index[i]!),
        ),
      )!
      .push(at(x, index));
  return array(shape, [...groups.values()].map(fn));
}
