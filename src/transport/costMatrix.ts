/** A cost of points as the matrix it stands for. */
import { expand, reshape, to } from "../ops/shape";
import { scope } from "../tensor/scope";
import { broadcastShapes, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import type { Cost } from "./cost";
import { costOfPairs } from "./pull";

/**
 * The cost of every pair (POT `ot.dist`, OTT `Geometry.cost_matrix`); a matrix is given back as it is.
 *
 * @returns f32 [..., n, m], differentiable in the points
 * @throws ShapeError for leading dimensions that do not broadcast
 * @example costMatrix(squaredEuclidean(x, y))
 */
export function costMatrix(cost: Cost): Tensor {
  if (cost instanceof Tensor) return cost;
  const { x, y, of } = cost;
  return scope(() => {
    const batch = broadcastShapes(
      "transport.costMatrix",
      x.shape.slice(0, -2),
      y.shape.slice(0, -2),
    );
    const [left, right] = [x, y].map((t) => {
      const inner = t.shape.slice(-2);
      return reshape(expand(to(t, "f32"), [...batch, ...inner]), [sizeOf(batch), ...inner]);
    });
    const matrix = costOfPairs(left!, right!, of);
    return reshape(matrix, [...batch, ...matrix.shape.slice(-2)]);
  });
}
