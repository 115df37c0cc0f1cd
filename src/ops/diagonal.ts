/** Diagonals of matrices: reading them as views, and making matrices of them. */
import { ShapeError } from "../errors";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { checkShape, normalizeDim, type Shape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { runUnaryInto } from "./pointwise";
import type { Primitive } from "./primitive";
import { jvpOfLinear } from "./rules";
import { fillInto, identity } from "./shape";
import { bind } from "./trace";

interface DiagonalAttrs {
  /** How far right of the main diagonal; negative is below. */
  readonly offset: number;
  /** Of rows and of columns. */
  readonly dim1: number;
  readonly dim2: number;
}

const others = (shape: Shape, { dim1, dim2 }: DiagonalAttrs): number[] =>
  shape.flatMap((_, i) => (i === dim1 || i === dim2 ? [] : [i]));

const lengthOf = (shape: Shape, { offset, dim1, dim2 }: DiagonalAttrs): number =>
  Math.max(Math.min(shape[dim1]! + Math.min(offset, 0), shape[dim2]! - Math.max(offset, 0)), 0);

const shapeOf = (shape: Shape, attrs: DiagonalAttrs): number[] => [
  ...others(shape, attrs).map((i) => shape[i]!),
  lengthOf(shape, attrs),
];

function view(x: DeviceTensor, attrs: DiagonalAttrs): DeviceTensor {
  const { offset, dim1, dim2 } = attrs;
  const { strides } = x;
  const shape = shapeOf(x.shape, attrs);
  const start = offset < 0 ? -offset * strides[dim1]! : offset * strides[dim2]!;
  return x.view(
    shape,
    [...others(x.shape, attrs).map((i) => strides[i]!), strides[dim1]! + strides[dim2]!],
    x.offset + (shape.at(-1) === 0 ? 0 : start),
  );
}

const inLanes = <A extends DiagonalAttrs>(attrs: A): A => ({
  ...attrs,
  dim1: attrs.dim1 + 1,
  dim2: attrs.dim2 + 1,
});

const diagonalPrimitive: Primitive<DiagonalAttrs> = {
  name: "diagonal",
  formula: "y[.., i] = x[.., i, .., i + offset, ..]",
  derivative: "g on the diagonal, 0 elsewhere",
  saves: "nothing",
  outputs: ([x], attrs) => [{ shape: shapeOf(x!.shape, attrs), dtype: x!.dtype }],
  run: ([x], attrs) => [view(x!, attrs)],
  vjp: ([g], { inputs: [x], attrs }) =>
    bind(diagEmbedPrimitive, [g!], { ...attrs, shape: x!.shape }),
  jvp: jvpOfLinear(() => diagonalPrimitive),
  batch: (inputs, { attrs }) => bind(diagonalPrimitive, inputs, inLanes(attrs)),
};

const diagEmbedPrimitive: Primitive<DiagonalAttrs & { readonly shape: Shape }> = {
  name: "diagEmbed",
  formula: "y[.., i, .., i + offset, ..] = x[.., i], 0 elsewhere",
  derivative: "the diagonal of g",
  saves: "nothing",
  outputs: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  run: ([x], attrs) => {
    const y = fillInto(DeviceTensor.empty(x!.device, attrs.shape, x!.dtype), 0);
    const target = view(y, attrs);
    runUnaryInto(x!, target, { OP: identity(x!.dtype) });
    target.dispose();
    return [y];
  },
  vjp: ([g], { attrs: { offset, dim1, dim2 } }) =>
    bind(diagonalPrimitive, [g!], { offset, dim1, dim2 }),
  jvp: jvpOfLinear(() => diagEmbedPrimitive),
  batch: (inputs, { attrs, size }) =>
    bind(diagEmbedPrimitive, inputs, { ...inLanes(attrs), shape: [size, ...attrs.shape] }),
};

function attributes(
  op: string,
  rank: number,
  offset: number,
  dim1: number,
  dim2: number,
): DiagonalAttrs {
  if (rank < 2)
    throw new ShapeError(`${op}: a diagonal needs two dimensions, x has ${rank}. Use diag.`);
  if (!Number.isInteger(offset))
    throw new ShapeError(`${op}: offset ${offset} must be a whole number.`);
  const [a, b] = [normalizeDim(op, dim1, rank), normalizeDim(op, dim2, rank)];
  if (a === b) throw new ShapeError(`${op}: dim1 ${dim1} and dim2 ${dim2} are one dimension.`);
  return { offset, dim1: a, dim2: b };
}

/**
 * A view of the diagonals of the matrices in dims `dim1` and `dim2` (PyTorch `diagonal`).
 *
 * @param offset how far right of the main diagonal; negative is below it
 * @returns x's other dimensions, then the diagonal; differentiable
 * @throws ShapeError below two dimensions, for a dim out of range, equal dims, or an offset not whole
 */
export function diagonal(x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
  return bind(diagonalPrimitive, [x], attributes("diagonal", x.rank, offset, dim1, dim2))[0]!;
}

/**
 * Matrices with the last dimension of x as their diagonals, 0 elsewhere (PyTorch `diag_embed`).
 *
 * @param dim1 where the rows go in the result, `dim2` the columns; default the last two
 * @throws ShapeError for a scalar, a dim out of range, equal dims, or an offset not whole
 * @example diagEmbed(tensor([1, 2])) // [[1, 0], [0, 2]]
 */
export function diagEmbed(x: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor {
  if (x.rank === 0) throw new ShapeError("diagEmbed: a scalar is no diagonal; reshape it to [1].");
  const attrs = attributes("diagEmbed", x.rank + 1, offset, dim1, dim2);
  const side = x.shape.at(-1)! + Math.abs(offset);
  const rest = x.shape.slice(0, -1).values();
  const shape = Array.from({ length: x.rank + 1 }, (_, i) =>
    i === attrs.dim1 || i === attrs.dim2 ? side : (rest.next().value as number),
  );
  checkShape("diagEmbed", shape);
  return bind(diagEmbedPrimitive, [x], { ...attrs, shape })[0]!;
}

/**
 * The diagonal of a matrix, or the matrix with a vector as its diagonal (PyTorch `diag`).
 * @throws ShapeError for a scalar, more than two dimensions, or an offset not whole
 */
export function diag(x: Tensor, offset = 0): Tensor {
  if (x.rank !== 1 && x.rank !== 2)
    throw new ShapeError(
      `diag: x of shape ${show(x.shape)} is no vector and no matrix. For batches use diagonal or diagEmbed.`,
    );
  return scope(() => (x.rank === 1 ? diagEmbed(x, offset) : diagonal(x, offset)));
}

export const diagonalPrimitives = [diagonalPrimitive, diagEmbedPrimitive];
