/**
 * The texts that kernels of pointwise operations take their functions from: shaders/include/pointwise, which those
 * kernels include, and what the operations of a program bring, so that none carries the functions of all others.
 */
import * as includes from "../kernels/generated/includes";

const plain = [includes.quarterTurns, includes.bits, includes.squash, includes.pointwise].join("");

const brought = new Set<string>();
let texts = "";

/**
 * What was made of functions in `needed`, from which kernels can take them from then on: what those call is there,
 * in shaders/include/pointwise, or in `needed` too.
 */
// @__NO_SIDE_EFFECTS__
export function writtenIn<T>(needed: readonly string[], made: T): T {
  for (const text of needed) brought.add(text);
  // The same in whichever order modules are loaded: engines keep compiled kernels by their text.
  texts = [...brought].sort().join("");
  return made;
}

/** What the operations brought. */
export const broughtFunctions = (): string => texts;

/** All there is. */
export const pointwiseFunctions = (): string => plain + texts;
