/** What forward and vectorising rules of many primitives have in common. */
import type { Tensor } from "../tensor/tensor";
import { add } from "./arithmetic";
import { zerosLike } from "./creation";
import type { BatchContext, JvpContext, Primitive } from "./primitive";
import { expand, reshape, select, stack } from "./shape";
import { bind } from "./trace";

type Tangents = readonly (Tensor | null)[];

/**
 * The forward rule of an operation that is linear in the inputs `which` taken together, such as cat:
 * the operation itself on their tangents. Other inputs (indices, keys, conditions) stay as they are.
 */
export function jvpOfLinear<A>(
  primitive: () => Primitive<A>,
  which?: readonly number[],
): NonNullable<Primitive<A>["jvp"]> {
  return (tangents, { inputs, attrs }) => {
    const moved = inputs.map((x, i) =>
      which && !which.includes(i) ? x : (tangents[i] ?? zerosLike(x)),
    );
    return bind(primitive(), moved, attrs);
  };
}

/**
 * The forward rule of an operation that is linear in each of the inputs `which` by itself, such as a
 * product: the sum over them of the operation with that input replaced by its tangent.
 */
export function jvpOfProduct<A>(
  primitive: () => Primitive<A>,
  which: readonly number[],
): NonNullable<Primitive<A>["jvp"]> {
  return (tangents: Tangents, { inputs, attrs }: JvpContext<A>) => {
    const terms = which.flatMap((i) => {
      const tangent = tangents[i];
      return tangent
        ? [
            bind(
              primitive(),
              inputs.map((x, k) => (k === i ? tangent : x)),
              attrs,
            ),
          ]
        : [];
    });
    if (terms.length === 0) return [null];
    return terms.reduce((sum, term) => sum.map((t, k) => add(t, term[k]!)));
  };
}

/** Every input with lanes as dimension 0; those that all lanes share are repeated without a copy. */
export function withLanes(
  inputs: readonly Tensor[],
  { batched, size }: Pick<BatchContext<unknown>, "batched" | "size">,
): Tensor[] {
  return inputs.map((x, i) => (batched[i] ? x : expand(x, [size, ...x.shape])));
}

/**
 * Operands that broadcast against each other, so that lanes broadcast against lanes: those with lanes get
 * dimensions of size 1 after them, up to the rank of the longest.
 */
export function alignLanes(
  inputs: readonly Tensor[],
  { batched }: Pick<BatchContext<unknown>, "batched">,
): Tensor[] {
  const rank = Math.max(...inputs.map((x, i) => x.rank - (batched[i] ? 1 : 0)));
  return inputs.map((x, i) => {
    const missing = rank + 1 - x.rank;
    if (!batched[i] || missing === 0) return x;
    return reshape(x, [x.shape[0]!, ...new Array<number>(missing).fill(1), ...x.shape.slice(1)]);
  });
}

/** The vectorising rule of an operation that treats its leading dimensions as rows: more rows. */
export function batchOfRows<A>(primitive: () => Primitive<A>): Primitive<A>["batch"] {
  return (inputs, context) => bind(primitive(), withLanes(inputs, context), context.attrs);
}

/** The vectorising rule of an operation with few lanes at a time: one lane after another, stacked. */
export function batchByLane<A>(primitive: () => Primitive<A>): Primitive<A>["batch"] {
  return (inputs, { attrs, batched, size }) => {
    const lanes = Array.from({ length: size }, (_, lane) =>
      bind(
        primitive(),
        inputs.map((x, i) => (batched[i] ? select(x, 0, lane) : x)),
        attrs,
      ),
    );
    return lanes[0]!.map((_, k) => stack(lanes.map((outputs) => outputs[k]!)));
  };
}
