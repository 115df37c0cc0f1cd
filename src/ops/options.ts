/** What callers may leave out is one object, by names; other libraries take the same by position. */
import { ArgumentError } from "../errors";
import { Tensor } from "../tensor/tensor";

/**
 * Refuses what is no object of options, such as the dimension in `argmax(x, 1)`: reading options from it would find
 * none, and compute with the defaults.
 *
 * @param example how options are given, for the message
 * @throws ArgumentError
 */
export function requireOptions(op: string, options: object, example: string): void {
  const isObject = typeof options === "object" && options !== null && !Array.isArray(options);
  if (isObject && !(options instanceof Tensor)) return;
  const given = options instanceof Tensor ? "a tensor" : JSON.stringify(options);
  throw new ArgumentError(
    `${op}: got ${given} in place of options. Give them by name, in an object: ${example}.`,
  );
}
