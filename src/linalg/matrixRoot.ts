/**
 * Roots of symmetric positive semidefinite matrices, X = A^(1/p), and their inverses, through eigenvalues.
 *
 * The derivative of X solves Σ_k X^k dX X^(p-1-k) = dA, for p = 2 the equation of Sylvester X dX + dX X = dA.
 * In the basis of the eigenvectors that is a division by sums of positive numbers, so repeated eigenvalues
 * are nothing special (Higham, Functions of Matrices, 2008, 6.1 and 7.1). The solution is a primitive of
 * its own, whose derivative is another such equation.
 */
import { add, clamp, gt, le, lt, mul, neg, pow, where } from "../ops/arithmetic";
import { reciprocal, sqrt } from "../ops/functions";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { max, min } from "../ops/reduce";
import { batchOfRows } from "../ops/rules";
import { clone, reshape, squeeze, to, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireSquare } from "./batches";
import { eigh } from "./eigh";
import { type Flaw, reportInfo } from "./faults";
import { resolution, symmetricPart, timesColumns, turn } from "./symmetric";

interface RootAttrs {
  /** Which root: a whole number from 1 on. */
  readonly p: number;
  readonly inverse: boolean;
  readonly op: string;
}

const notSemidefinite: Flaw = {
  say: () => "has a negative eigenvalue beyond rounding",
  cure: "Roots are those of positive semidefinite matrices: add a multiple of the identity.",
};

const notInvertible: Flaw = {
  say: () => "is not positive definite: its smallest eigenvalue is not positive",
  cure: "Add a multiple of the identity before taking the inverse root.",
};

/** x^(1/p), elementwise and for x >= 0: exact for 1 and 2, and within rounding for powers of two. */
function rootOf(x: Tensor, p: number): Tensor {
  if (p === 1) return x;
  return p % 2 === 0 ? rootOf(sqrt(x), p / 2) : pow(x, 1 / p);
}

/** Reports the first matrix of the batch for which `condition` [..., 1] holds. */
function report(condition: Tensor, a: DeviceTensor, op: string, flaw: Flaw): void {
  const info = reshape(to(condition, "i32"), [condition.size]) as DeviceTensor;
  reportInfo(info, op, a.shape, flaw);
}

const rootPrimitive: Primitive<RootAttrs> = {
  name: "matrixRoot",
  formula: "A^(1/p), or its inverse, of the symmetric part of A, which has no negative eigenvalue",
  derivative: "the L of Σ_k X^k L X^(p-1-k) = g, X the root; for the inverse Y, of -Y g Y",
  saves: "everything",
  outputs: ([a], { op }) => {
    requireSquare(op, "A", a!);
    return [{ shape: a!.shape, dtype: "f32" }];
  },
  run: ([a], { p, inverse, op }) => [
    scope(() => {
      const { eigenvalues, eigenvectors: v } = eigh(a!);
      const least = min(eigenvalues, { dim: -1, keepdim: true });
      const rounding = neg(squeeze(resolution(eigenvalues, a!.shape.at(-1)!), -1));
      if (inverse) report(le(least, 0), a!, op, notInvertible);
      else report(lt(least, rounding), a!, op, notSemidefinite);
      const root = rootOf(clamp(eigenvalues, 0, Number.POSITIVE_INFINITY), p);
      const values = inverse ? reciprocal(root) : root;
      return symmetricPart(matmul(timesColumns(v, values), turn(v))) as DeviceTensor;
    }),
  ],
  vjp: ([g], { inputs: [a], outputs: [y], attrs: { p, inverse, op } }) => {
    if (!inverse) return [sylvester(y!, symmetricPart(g!), p)];
    const ofRoot = neg(matmul(matmul(y!, symmetricPart(g!)), y!));
    return [sylvester(matrixRoot(a!, { p, inverse: false, op }), ofRoot, p)];
  },
  jvp: ([t], { inputs: [a], outputs: [y], attrs: { p, inverse, op } }) => {
    if (!inverse) return [sylvester(y!, symmetricPart(t!), p)];
    const moved = sylvester(matrixRoot(a!, { p, inverse: false, op }), symmetricPart(t!), p);
    return [neg(matmul(matmul(y!, moved), y!))];
  },
  batch: batchOfRows(() => rootPrimitive),
};

/** Σ_k X^k L X^(p-1-k), by Horner's rule. */
function powerSum(x: Tensor, l: Tensor, p: number): Tensor {
  // S_1 = L, S_j+1 = X S_j + L X^j.
  let sum = l;
  let power = x;
  for (let j = 1; j < p; j++) {
    if (j > 1) power = matmul(power, x);
    sum = add(matmul(x, sum), matmul(l, power));
  }
  return sum;
}

/** X is read as its symmetric part, which must have no negative eigenvalue; G is any matrix. */
const sylvesterPrimitive: Primitive<{ readonly p: number }> = {
  name: "rootSylvester",
  formula: "the L of Σ_k X^k L X^(p-1-k) = G, k from 0 to p - 1; 0 where X is",
  derivative:
    "M, the solution for g, to G; to X what flows back through -Σ_k X^k L X^(p-1-k) from M",
  saves: { inputs: [0], outputs: [0] },
  outputs: ([x]) => [{ shape: x!.shape, dtype: "f32" }],
  run: ([x, g], { p }) => [
    scope(() => {
      const { eigenvalues, eigenvectors: v } = eigh(x!);
      const values = clamp(eigenvalues, 0, Number.POSITIVE_INFINITY);
      const [across, down] = [unsqueeze(values, -2), unsqueeze(values, -1)];
      let divisors = add(across, down);
      // The same sum as powerSum, of numbers.
      for (let j = 2; j < p; j++) divisors = add(mul(down, divisors), pow(across, j));
      const largest = max(divisors, { dim: [-1, -2], keepdim: true });
      const beyond = gt(divisors, mul(largest, 2 ** -100));
      const inner = matmul(matmul(turn(v), g!), v);
      const divided = where(beyond, mul(inner, reciprocal(where(beyond, divisors, 1))), 0);
      return matmul(matmul(v, divided), turn(v)) as DeviceTensor;
    }),
  ],
  vjp: ([g], { inputs: [x], outputs: [l], attrs: { p }, needs, pullback }) => {
    const back = sylvester(x!, g!, p);
    if (!needs[0]) return [null, back];
    const plain = (of: Tensor): Tensor[] => [powerSum(symmetricPart(of), l!, p)];
    const [ofX] = pullback(plain, [x!], [back]);
    return [ofX ? neg(ofX) : null, back];
  },
  jvp: ([tx, tg], { inputs: [x], outputs: [l], attrs: { p }, pushforward }) => {
    const plain = (of: Tensor): Tensor[] => [powerSum(symmetricPart(of), l!, p)];
    const [ofX] = tx ? pushforward(plain, [x!], [tx]) : [null];
    const moved = tg && ofX ? add(tg, neg(ofX)) : (tg ?? (ofX ? neg(ofX) : null));
    return [moved && sylvester(x!, moved, p)];
  },
  batch: batchOfRows(() => sylvesterPrimitive),
};

function sylvester(x: Tensor, g: Tensor, p: number): Tensor {
  return p === 1 ? clone(g) : bind(sylvesterPrimitive, [x, g], { p })[0]!;
}

/** A^(1/p), or its inverse, by eigenvalues. */
export function matrixRoot(A: Tensor, attrs: RootAttrs): Tensor {
  return bind(rootPrimitive, [A], attrs)[0]!;
}

export const matrixRootPrimitives = [rootPrimitive, sylvesterPrimitive];
