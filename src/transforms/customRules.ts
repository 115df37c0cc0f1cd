/** The rules that a function with one rule of its own does not have, from the one it has. */
import { zerosLike } from "../ops/creation";
import { sum } from "../ops/reduce";
import type { CustomRule } from "../ops/trace";
import { isFloat } from "../tensor/dtype";
import type { Tensor } from "../tensor/tensor";
import { pullback } from "./tape";
import { vectorise } from "./vectorise";

type Maybe = Tensor | null;

/**
 * The transpose of a linear map, at some cotangents: what reverse mode gives anywhere, for instance at 0.
 * @param like the shapes and dtypes of the map's operands
 * @returns null for operands that the map does not depend on
 */
function transposed(
  map: (tangents: readonly Tensor[]) => readonly Maybe[],
  like: readonly Tensor[],
  cotangents: readonly Maybe[],
): readonly Maybe[] {
  const floats = like.flatMap((t, i) => (isFloat(t.dtype) ? [i] : []));
  const zeros = floats.map((i) => zerosLike(like[i]!));
  const present = (of: readonly Maybe[], results: readonly Maybe[]): Tensor[] =>
    results.flatMap((t, i) => (t && of[i] ? [t] : []));
  const pulled = pullback(
    (...moved) => {
      const all = like.map(zerosLike);
      floats.forEach((i, k) => {
        all[i] = moved[k]!;
      });
      const results = map(all);
      return present(
        cotangents,
        results.map((t, i) => t ?? (cotangents[i] ? zerosLike(cotangents[i]) : null)),
      );
    },
    zeros,
    cotangents.filter((c) => c !== null),
  );
  const out = like.map((): Maybe => null);
  floats.forEach((i, k) => {
    out[i] = pulled[k]!;
  });
  return out;
}

/** With a reverse rule: its own, or the transpose of its forward rule, which keeps the operands. */
export function reverseRule(
  rule: CustomRule,
): CustomRule & { readonly backward: NonNullable<CustomRule["backward"]> } {
  const { backward, jvp } = rule;
  if (backward) return { ...rule, backward };
  return {
    ...rule,
    forward: (...operands) => ({ ...rule.forward(...operands), residuals: operands }),
    backward: (operands, cotangents) =>
      transposed((tangents) => jvp!(operands, tangents), operands, cotangents),
  };
}

/** The forward rule: its own, or the transpose of its reverse rule. */
export function forwardRule(
  rule: CustomRule,
  operands: readonly Tensor[],
  outputs: readonly Tensor[],
  tangents: readonly Maybe[],
): readonly Maybe[] {
  if (rule.jvp) return rule.jvp(operands, tangents);
  const { residuals } = rule.forward(...operands);
  return transposed((cotangents) => rule.backward!(residuals, cotangents), outputs, tangents);
}

/** The rule for `size` lanes at once: lanes first in every output, residual and cotangent. */
export function laneRule(rule: CustomRule, batched: readonly boolean[], size: number): CustomRule {
  const { backward, jvp } = rule;
  /** Of optional tensors: those that are there, in one list, and back. */
  const optional = (
    fn: (values: readonly Tensor[], moving: readonly Maybe[]) => readonly Maybe[],
    values: readonly Tensor[],
    valuesBatched: readonly boolean[],
    moving: readonly Maybe[],
    movingBatched: readonly boolean[],
  ): Maybe[] => {
    const there = moving.flatMap((t, i) => (t ? [i] : []));
    let pattern: readonly boolean[] = [];
    const results = vectorise(
      (...all) => {
        const given = moving.map((): Maybe => null);
        there.forEach((i, k) => {
          given[i] = all[values.length + k]!;
        });
        const list = fn(all.slice(0, values.length), given);
        pattern = list.map((t) => t !== null);
        return list.filter((t) => t !== null);
      },
      [...values, ...there.map((i) => moving[i]!)],
      [...valuesBatched, ...there.map((i) => movingBatched[i]!)],
      size,
    );
    let next = 0;
    return pattern.map((present) => (present ? results[next++]! : null));
  };
  const all = (list: readonly unknown[]): boolean[] => list.map(() => true);
  return {
    name: rule.name,
    forward(...operands) {
      let count = 0;
      const results = vectorise(
        (...values) => {
          const { outputs, residuals } = rule.forward(...values);
          count = outputs.length;
          return [...outputs, ...residuals];
        },
        operands,
        batched,
        size,
      );
      return { outputs: results.slice(0, count), residuals: results.slice(count) };
    },
    backward:
      backward &&
      ((residuals, cotangents) =>
        optional(backward, residuals, all(residuals), cotangents, all(cotangents)).map((g, i) =>
          g && !batched[i] ? sum(g, { dim: 0 }) : g,
        )),
    jvp: jvp && ((operands, tangents) => optional(jvp, operands, batched, tangents, batched)),
  };
}
