/** Choices made by values on the device: both sides run, one is taken. */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { logicalAnd, logicalNot, where } from "../ops/arithmetic";
import { clone } from "../ops/shape";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { mapTensors, tensorsOf } from "../tensor/tree";
import { customVjp } from "./customVjp";
import { alikeTensors } from "./structure";

/** @throws DTypeError or ShapeError unless `predicate` is one bool */
export function requirePredicate(op: string, predicate: Tensor): Tensor {
  if (predicate.dtype !== "bool")
    throw new DTypeError(
      `${op}: the condition has dtype ${predicate.dtype}; it must be bool. Use a comparison.`,
    );
  if (predicate.size !== 1 || predicate.rank !== 0)
    throw new ShapeError(
      `${op}: the condition has shape ${show(predicate.shape)}; it must be a single bool, of shape []. Use any() or all(), or where() for a choice per element.`,
    );
  return predicate;
}

/** `taken ? a : b` for each tensor of two trees of the same form. */
export function choose<T>(op: string, taken: Tensor, a: T, b: T): T {
  const others = alikeTensors(op, "the other branch's result", b, a);
  let i = 0;
  return mapTensors(a, (t) => where(taken, t, others[i++]!));
}

/**
 * The same values, through which cotangents flow only where `taken`: what a branch that is not taken would
 * send back (0 · ∞) is not added up.
 */
export const gate = customVjp({
  name: "gate",
  forward: (taken: Tensor, x: Tensor) => ({ output: clone(x), residuals: taken }),
  backward: (taken, g: Tensor) => [null, where(taken, g, 0)],
});

/**
 * One of two functions of the same operands (`jax.lax.cond`). A condition on the host runs one of them; one
 * on the device runs both and takes the result of the one it says, so that no one waits for its value.
 *
 * Derivatives flow through the branch taken only: a NaN of the other does not reach the operands.
 *
 * @param condition a boolean, or a bool tensor of shape []
 * @throws DTypeError or ShapeError for another tensor; ArgumentError or ShapeError where the results of the
 * branches have different forms
 * @example cond(x.sum().gt(0), (x) => x.log(), (x) => x.neg(), x)
 */
export function cond<A extends readonly unknown[], T>(
  condition: boolean | Tensor,
  onTrue: (...operands: A) => T,
  onFalse: (...operands: A) => T,
  ...operands: A
): T {
  if (typeof condition === "boolean") return (condition ? onTrue : onFalse)(...operands);
  if (!(condition instanceof Tensor))
    throw new ArgumentError("cond: the condition must be a boolean or a bool tensor.");
  const taken = requirePredicate("cond", condition);
  return scope(() => {
    const gated = (when: Tensor): A => mapTensors(operands, (t) => gate(when, t)) as unknown as A;
    return choose("cond", taken, onTrue(...gated(taken)), onFalse(...gated(logicalNot(taken))));
  });
}

export interface WhileLoopOptions {
  /** The most steps that can be needed. All are run; those after the end change nothing. */
  maxSteps: number;
}

/**
 * `while (condition(state)) state = body(state)`, for at most `maxSteps` steps, without reading the
 * condition back (a bounded `jax.lax.while_loop`): each step runs, and is kept only while the condition held
 * before it and before all earlier ones. So it differentiates, in both modes, and lanes of `vmap` may stop at
 * different steps.
 *
 * After the end the body gets the initial state, so that it meets no value outside the loop's own.
 *
 * @param condition from a state to a bool tensor of shape []
 * @param body keeps the structure, shapes and dtypes of the state
 * @returns the last state
 * @throws ArgumentError unless maxSteps is a whole number >= 0; as `cond` for conditions and states
 * @example whileLoop((x) => x.gt(1), (x) => x.div(2), x, { maxSteps: 32 })
 */
export function whileLoop<S>(
  condition: (state: S) => Tensor,
  body: (state: S) => S,
  init: S,
  { maxSteps }: WhileLoopOptions,
): S {
  if (!Number.isInteger(maxSteps) || maxSteps < 0)
    throw new ArgumentError(`whileLoop: maxSteps ${maxSteps} must be a whole number >= 0.`);
  const first = tensorsOf(init);
  return scope(() => {
    let state = init;
    let active: Tensor | null = null;
    for (let i = 0; i < maxSteps; i++)
      [state, active] = scope(() => {
        const holds = requirePredicate("whileLoop", condition(state));
        const goes: Tensor = active ? logicalAnd(active, holds) : holds;
        let k = 0;
        const given = mapTensors(state, (t) => gate(goes, where(goes, t, first[k++]!)));
        return [choose("whileLoop", goes, body(given), state), goes] as [S, Tensor];
      });
    return mapTensors(state, (t) => (first.includes(t) ? clone(t) : t));
  });
}
