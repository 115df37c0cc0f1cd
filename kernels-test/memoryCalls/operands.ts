/** What the calls that are watched for leaks are made on. */
import type { Tensor } from "../../src/tensor/tensor";
import type { Tilegrad } from "../caseModules";

export interface Operands {
  /** f32 [3, 4] */
  x: Tensor;
  /** f32 [3, 4] */
  y: Tensor;
  /** y transposed, a view. */
  turned: Tensor;
  /** f32 [1, 4] */
  row: Tensor;
  /** f32 [4] */
  vector: Tensor;
  /** f32 [3] */
  bias: Tensor;
  /** i32 [3] */
  index: Tensor;
  /** i32 [3, 1] */
  column: Tensor;
  /** i32 [1, 4], zeros */
  first: Tensor;
  /** bool [3, 4] */
  mask: Tensor;
  scalar: Tensor;
  /** As one projection of queries, keys and values gives it. */
  packed: Tensor;
  /** u32 [2] */
  key: Tensor;
}

export const operands = (tg: Tilegrad): Operands => {
  const x = tg.tensor([
    [-1, 2, -3, 4],
    [0.5, 1.5, 2.5, 3.5],
    [3, 1, 2, 0],
  ]);
  const y = tg.add(x, 0.75);
  return {
    x,
    y,
    turned: tg.transpose(y, 0, 1),
    row: tg.tensor([[1, -2, 3, -4]]),
    vector: tg.tensor([1, -2, 3, -4]),
    bias: tg.tensor([0.5, 0.25, -1]),
    index: tg.tensor(Int32Array.of(2, 0, 1)),
    column: tg.tensor(Int32Array.of(2, 0, 1), { shape: [3, 1] }),
    first: tg.zeros([1, 4], { dtype: "i32" }),
    mask: tg.gt(x, 0),
    scalar: tg.tensor(3),
    packed: tg.ones([1, 2, 3, 1, 4]),
    key: tg.random.key(1),
  };
};

export type Call = (tg: Tilegrad, operands: Operands) => unknown;

/** By the name of the operation. */
export type Calls = Readonly<Record<string, readonly Call[]>>;
