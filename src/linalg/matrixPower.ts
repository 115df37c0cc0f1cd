/** Whole powers of square matrices, by repeated squaring. */
import { ArgumentError } from "../errors";
import { matmul } from "../ops/matmul";
import { contiguous } from "../ops/shape";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireSquare } from "./batches";
import { inverse } from "./solve";
import { identities } from "./triangular";

/**
 * A multiplied by itself n times (PyTorch `torch.linalg.matrix_power`); of the inverse for negative n.
 *
 * @param A f32 [..., m, m]
 * @param n a whole number; 0 gives identities
 * @returns the shape of A; differentiable
 * @throws ArgumentError for an n that is not whole; ShapeError, DTypeError; for negative n, at the next
 * read, LinAlgError for a singular matrix
 * @example linalg.matrixPower(tensor([[1, 1], [0, 1]]), 5) // [[1, 5], [0, 1]]
 */
export function matrixPower(A: Tensor, n: number): Tensor {
  requireSquare("linalg.matrixPower", "A", A);
  if (!Number.isSafeInteger(n))
    throw new ArgumentError(`linalg.matrixPower: n ${n} must be a whole number.`);
  return scope(() => {
    if (n === 0) return contiguous(identities(A, A.shape.at(-1)!));
    let square = n < 0 ? inverse(A) : A;
    let power: Tensor | null = null;
    for (let rest = Math.abs(n); rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) power = power ? matmul(power, square) : square;
      if (rest > 1) square = matmul(square, square);
    }
    return power === A ? contiguous(A) : power!;
  });
}
