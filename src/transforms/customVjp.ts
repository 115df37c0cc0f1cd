/** Functions with a hand-written reverse rule. */
import { ArgumentError } from "../errors";
import { bindCustom } from "../ops/trace";
import type { Tensor } from "../tensor/tensor";
import { tensorsOf, withTensors } from "../tensor/tree";
import { alikeTensors } from "./structure";

/** For each argument its cotangent, or null for zero: alone, or inside the argument's structure. */
export type Cotangents<A extends readonly unknown[]> = readonly (A[number] | null)[];

export interface CustomVjpRule<A extends readonly unknown[], T, R> {
  /** Shown in errors. */
  name?: string;
  /** The function, with what its rule will need again. Differentiable itself, for second derivatives. */
  forward(...args: A): { output: T; residuals: R };
  /** One cotangent (or null for zero) per argument, from the residuals and the output's cotangent. */
  backward(residuals: R, cotangent: T): Cotangents<A>;
}

/**
 * A function whose gradient is what `backward` says (JAX `custom_vjp`, PyTorch `autograd.Function`). Forward
 * mode takes the transpose of that rule. Arguments, output and residuals are trees of tensors; what else the
 * arguments hold is passed through.
 *
 * @throws ArgumentError or ShapeError where `backward` gives something that does not fit the arguments
 * @example
 * const clippedGradient = customVjp({
 *   forward: (x) => ({ output: x.mul(1), residuals: [] }),
 *   backward: (_, g) => [g.clamp(-1, 1)],
 * });
 */
export function customVjp(
  rule: CustomVjpRule<Tensor[], Tensor, readonly Tensor[]>,
): (...args: Tensor[]) => Tensor;
export function customVjp<A extends readonly unknown[], T, R>(
  rule: CustomVjpRule<A, T, R>,
): (...args: A) => T;
export function customVjp<A extends readonly unknown[], T, R>(
  rule: CustomVjpRule<A, T, R>,
): (...args: A) => T {
  const name = rule.name ?? "customVjp";
  return (...args) => {
    let output: T | undefined;
    let residuals: R | undefined;
    const results = bindCustom(
      {
        name,
        forward(...operands) {
          const result = rule.forward(...(withTensors(args, operands) as unknown as A));
          ({ output, residuals } = result);
          return { outputs: tensorsOf(output), residuals: tensorsOf(residuals) };
        },
        backward(kept, cotangents) {
          const given = withTensors(output as T, cotangents);
          const back = rule.backward(withTensors(residuals as R, kept), given);
          if (!Array.isArray(back) || back.length > args.length)
            throw new ArgumentError(
              `${name}: backward must give a list with one cotangent (or null) per argument, ${args.length} in all.`,
            );
          return alikeTensors(
            name,
            "what backward gives",
            args.map((_, i) => back[i] ?? null),
            args,
          );
        },
        jvp: null,
      },
      tensorsOf(args),
    );
    return withTensors(output as T, results);
  };
}

export interface CustomJvpRule<A extends readonly unknown[], T> {
  /** Shown in errors. */
  name?: string;
  forward(...args: A): T;
  /** The tangent of the output, linear in `tangents`: null where an argument does not move. */
  jvp(args: A, tangents: { readonly [K in keyof A]: A[K] | null }): T | null;
}

/**
 * A function whose derivative is what `jvp` says (JAX `custom_jvp`). Reverse mode takes the transpose of that
 * rule. Arguments and output are trees of tensors.
 *
 * @throws ArgumentError or ShapeError where `jvp` gives something that does not fit the output
 * @example
 * const safeLog = customJvp({
 *   forward: (x) => x.log(),
 *   jvp: ([x], [dx]) => dx && dx.div(x.maximum(1e-6)),
 * });
 */
export function customJvp(rule: CustomJvpRule<Tensor[], Tensor>): (...args: Tensor[]) => Tensor;
export function customJvp<A extends readonly unknown[], T>(
  rule: CustomJvpRule<A, T>,
): (...args: A) => T;
export function customJvp<A extends readonly unknown[], T>(
  rule: CustomJvpRule<A, T>,
): (...args: A) => T {
  const name = rule.name ?? "customJvp";
  return (...args) => {
    let output: T | undefined;
    const results = bindCustom(
      {
        name,
        forward(...operands) {
          output = rule.forward(...(withTensors(args, operands) as unknown as A));
          return { outputs: tensorsOf(output), residuals: [] };
        },
        backward: null,
        jvp(operands, tangents) {
          let next = 0;
          const moves = args.map((arg) => {
            const own = tensorsOf(arg).map(() => tangents[next++] ?? null);
            return own.every((t) => t === null) ? null : withTensors(arg, own);
          });
          const tangent = rule.jvp(
            withTensors(args, operands) as unknown as A,
            moves as unknown as { readonly [K in keyof A]: A[K] | null },
          );
          return alikeTensors(name, "what jvp gives", tangent, output);
        },
      },
      tensorsOf(args),
    );
    return withTensors(output as T, results);
  };
}
