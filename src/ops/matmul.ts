/** Matrix products. */
import { DTypeError, ShapeError } from "../errors";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat, promote } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { broadcastShapes, type Shape, show, sizeOf } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { add, mul } from "./arithmetic";
import { primitiveWithEpilogue } from "./epilogue";
import { isElementwise, matmulInto } from "./matmulLaunch";
import { operands } from "./operand";
import type { BatchContext, Primitive, Spec, VjpContext } from "./primitive";
import { sumTo } from "./reduce";
import { alignLanes, jvpOfProduct } from "./rules";
import { expand, reshape, to, transpose, unsqueeze } from "./shape";
import { bind } from "./trace";

function productSpec(a: Spec, b: Spec): Spec {
  if (!isFloat(a.dtype) || a.dtype !== b.dtype)
    throw new DTypeError(
      `matmul: operands have dtypes ${a.dtype} and ${b.dtype}; it takes two of f32 or two of f16. Convert with .to("f32").`,
    );
  checkInner(a.shape, b.shape, a.shape.at(-1)!, b.shape.at(-2)!);
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  return { shape: [...batch, a.shape.at(-2)!, b.shape.at(-1)!], dtype: a.dtype };
}

function runProduct(a: DeviceTensor, b: DeviceTensor, bias: DeviceTensor | null, out: Spec) {
  if (!bias && isElementwise(a, b, out.shape)) return [mul(a, b) as DeviceTensor];
  const c = DeviceTensor.empty(a.device, out.shape, out.dtype);
  matmulInto(a, b, bias, c);
  return [c];
}

const columnsOfProduct = ([c]: readonly Spec[]): number => c!.shape.at(-1)!;

/** Of `matmul` and `addmm`: with three inputs of its own, the third is the bias. */
export const productEpilogue = primitiveWithEpilogue<null>(
  { name: "matmul", formula: "Σ_k a_ik b_kj + bias_j" },
  {
    columns: columnsOfProduct,
    others: () => [],
    run: ([a, b, bias], _, epilogue) =>
      matmulInto(a!, b!, bias ?? null, epilogue.outputs[0]!, epilogue),
  },
);

const productVjp = (
  g: Tensor,
  { inputs: [a, b], needs }: VjpContext<null>,
): [Tensor | null, Tensor | null] => [
  needs[0] ? sumTo(matmul(g, transpose(b!, -1, -2)), a!.shape) : null,
  needs[1] ? sumTo(matmul(transpose(a!, -1, -2), g), b!.shape) : null,
];

/** Both operands have at least two dimensions and the same floating-point dtype. */
const matmulPrimitive: Primitive<null> = {
  name: "matmul",
  formula: "c_ij = Σ_k a_ik b_kj",
  derivative: "to a: g bᵀ, to b: aᵀ g, summed over broadcast batches",
  saves: "inputs",
  outputs: ([a, b]) => [productSpec(a!, b!)],
  run: ([a, b], _, [out]) => runProduct(a!, b!, null, out!),
  epilogue: { primitive: productEpilogue, columns: columnsOfProduct },
  vjp: ([g], context) => productVjp(g!, context),
  jvp: jvpOfProduct(() => matmulPrimitive, [0, 1]),
  batch: ([a, b], context) => [productOfLanes(a!, b!, context)],
};

/** a [m, k], b [k, n], bias [n]: the bias costs next to nothing where the product is stored. */
const addmmPrimitive: Primitive<null> = {
  name: "addmm",
  formula: "c_ij = Σ_k a_ik b_kj + bias_j",
  derivative: "to a: g bᵀ, to b: aᵀ g, to bias: Σ_i g_ij",
  saves: { inputs: [0, 1] },
  outputs: ([a, b]) => [productSpec(a!, b!)],
  run: ([a, b, bias], _, [out]) => runProduct(a!, b!, bias!, out!),
  epilogue: { primitive: productEpilogue, columns: columnsOfProduct },
  vjp: ([g], context) => [
    ...productVjp(g!, context),
    context.needs[2] ? sumTo(g!, context.inputs[2]!.shape) : null,
  ],
  jvp: ([da, db, dbias], { inputs: [a, b], outputs: [c] }) => {
    const products = [da && matmul(da, b!), db && matmul(a!, db)].filter((t) => t !== null);
    const terms = dbias ? [...products, expand(dbias, c!.shape)] : products;
    return [terms.reduce((sum, term) => add(sum!, term!)) ?? null];
  },
  batch: ([a, b, bias], context) => {
    const { batched } = context;
    if (batched[0] && !batched[1] && !batched[2]) return [foldedProduct(a!, b!, bias!)];
    const product =
      batched[0] || batched[1] ? productOfLanes(a!, b!, context) : bindProduct(a!, b!);
    return [add(product, batched[2] ? unsqueeze(bias!, 1) : bias!)];
  },
};

/**
 * The products of all lanes. Lanes of a become rows of one product with a matrix that they share, and so
 * do vectors as lanes of b; otherwise lanes are one more dimension of the batch.
 */
function productOfLanes(
  a: Tensor,
  b: Tensor,
  { batched }: Pick<BatchContext<null>, "batched">,
): Tensor {
  if (!batched[1] && b.rank === 2) return foldedProduct(a, b);
  if (!batched[0] && a.rank === 2 && b.shape.at(-1) === 1)
    return transpose(foldedProduct(transpose(b, -1, -2), transpose(a, 0, 1)), -1, -2);
  const [left, right] = alignLanes([a, b], { batched });
  return bindProduct(left!, right!);
}

function checkInner(a: Shape, b: Shape, columns: number, rows: number): void {
  if (columns !== rows)
    throw new ShapeError(
      `matmul: shapes ${show(a)} and ${show(b)} do not fit: ${columns} columns against ${rows} rows. Transpose or reshape one of them.`,
    );
}

/**
 * The matrix product, as in PyTorch: of the last two dimensions, with the ones before them broadcast. A
 * vector on the left is a row, on the right a column, and that dimension is not in the result.
 *
 * Sums are kept in f32, also for f16, and run over k in order, so that the result is the same on each run.
 *
 * @param a [..., m, k] or [k]
 * @param b [..., k, n] or [k]
 * @returns [..., m, n]; without m or n for a vector
 * @throws ShapeError where the inner sizes differ or the batches do not broadcast; DTypeError for
 * operands that are not floating-point
 * @example matmul(tensor([[1, 2], [3, 4]]), tensor([5, 6])) // 17, 39
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.rank === 0 || b.rank === 0)
    throw new ShapeError(
      `matmul: shapes ${show(a.shape)} and ${show(b.shape)}: a number is no matrix. Use mul.`,
    );
  return scope(() => {
    const [x, y] = operands("matmul", a, b);
    checkInner(a.shape, b.shape, x.shape.at(-1)!, y.shape.at(-2) ?? y.shape[0]!);
    const left = x.rank === 1 ? unsqueeze(x, 0) : x;
    const right = y.rank === 1 ? unsqueeze(y, 1) : y;
    const product = right.rank === 2 ? foldedProduct(left, right) : bindProduct(left, right);
    if (x.rank > 1 && y.rank > 1) return product;
    const batch = product.shape.slice(0, -2);
    return reshape(product, [
      ...batch,
      ...(x.rank > 1 ? [product.shape.at(-2)!] : []),
      ...(y.rank > 1 ? [product.shape.at(-1)!] : []),
    ]);
  });
}

const bindProduct = (a: Tensor, b: Tensor): Tensor => bind(matmulPrimitive, [a, b], null)[0]!;

/**
 * [..., m, k] times one matrix is one product of more rows. The cotangent of the matrix is then one
 * product too, instead of one per batch and their sum.
 */
function foldedProduct(a: Tensor, b: Tensor, bias?: Tensor): Tensor {
  const leading = a.shape.slice(0, -1);
  const rows = a.rank === 2 ? a : reshape(a, [sizeOf(leading), a.shape.at(-1)!]);
  const product = bias ? biasedProduct(rows, b, bias) : bindProduct(rows, b);
  return a.rank === 2 ? product : reshape(product, [...leading, b.shape[1]!]);
}

/** a b + bias in one kernel: [m, k], [k, n], [n], of one dtype. */
export const biasedProduct = (a: Tensor, b: Tensor, bias: Tensor): Tensor =>
  bind(addmmPrimitive, [a, b, bias], null)[0]!;

/**
 * x weightᵀ + bias (PyTorch `nn.functional.linear`).
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @param bias [out]; default none
 * @returns [..., out]
 * @throws ShapeError where the sizes differ; DTypeError for operands that are not floating-point
 * @example linear(tensor([1, 2]), tensor([[3, 4]]), tensor([5])) // 16
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  requireTensor("linear", x);
  const fits =
    weight.rank === 2 &&
    x.rank > 0 &&
    x.shape.at(-1) === weight.shape[1] &&
    (!bias || (bias.rank === 1 && bias.shape[0] === weight.shape[0]));
  if (!fits)
    throw new ShapeError(
      `linear: x ${show(x.shape)}, weight ${show(weight.shape)}${bias ? ` and bias ${show(bias.shape)}` : ""} do not fit; they are [..., in], [out, in]${bias ? " and [out]" : ""}.`,
    );
  return scope(() => {
    const turned = transpose(weight, 0, 1);
    if (!bias) return matmul(x, turned);
    const dtype = [x, weight, bias].map((t) => t.dtype).reduce(promote);
    return foldedProduct(to(x, dtype), to(turned, dtype), to(bias, dtype));
  });
}

export const matmulPrimitives = [matmulPrimitive, addmmPrimitive];
