/**
 * The WGSL of an expression: one line for each step, for one element or for four at once. Value i of the
 * expression is named `v{i}`; whoever includes the lines declares the inputs under these names, in their
 * computing type.
 *
 * Four elements are written lane by lane, vec4(f(a.x), f(a.y), f(a.z), f(a.w)): the functions are scalar, and
 * the CPU executor's compiler makes wide code of this form.
 */
import { reachable } from "../kernels/reachable";
import { type DType, storageType } from "../tensor/dtype";
import type { Expression } from "./expression";
import { computeType } from "./pointwise";
import { pointwiseFunctions } from "./pointwiseLibrary";

/** Elements that a value of the text holds: a scalar, or a vec4. */
export type Width = 1 | 4;

export const valueName = (index: number): string => `v${index}`;

/** The type of an element, or of four, in memory. */
export const storedType = (dtype: DType, width: Width): string =>
  width === 1 ? storageType(dtype) : `vec4<${storageType(dtype)}>`;

/** The type of a value in the text. */
export const valueType = (dtype: DType, width: Width): string =>
  width === 1 ? computeType(dtype) : `vec4<${computeType(dtype)}>`;

/**
 * `let v2 = op_add(v0, v1);`, one line for each step. What is f16 is rounded to it after each step, as the
 * operations do when they run one by one.
 */
export function stepLines({ inputs, steps }: Expression, width: Width): string[] {
  return steps.map(({ fn, args, dtype }, i) => {
    const call = (lane: string) => `${fn}(${args.map((a) => valueName(a) + lane).join(", ")})`;
    const value =
      width === 1
        ? call("")
        : `${valueType(dtype, 4)}(${[".x", ".y", ".z", ".w"].map(call).join(", ")})`;
    const type = valueType(dtype, width);
    const rounded = dtype === "f16" ? `${type}(${storedType(dtype, width)}(${value}))` : value;
    return `let ${valueName(inputs.length + i)} = ${rounded};`;
  });
}

/** The definitions of all functions that the steps call. They read `params.infinity`: see include/pointwise. */
export function functionsOf({ steps }: Expression): string {
  return reachable(
    pointwiseFunctions(),
    steps.map(({ fn }) => fn),
  );
}
