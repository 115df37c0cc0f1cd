/** What callers may leave out is one object, by names; other libraries take the same by position. */
import { ArgumentError } from "./errors";

/** What NumPy and JAX call options of ours: left alone, `sum(x, { axis: 0 })` would sum all. */
const foreign: Readonly<Record<string, string>> = {
  axis: "dim",
  keepdims: "keepdim",
  keepDim: "keepdim",
};

/**
 * Refuses what is no object of options, such as the dimension in `argmax(x, 1)`: reading options from it would find
 * none, and compute with the defaults.
 *
 * @param name the option that the value most likely is, for the message: what others take at this position
 * @returns the options
 * @throws ArgumentError
 */
export function requireOptions<O extends object>(op: string, options: O, name: string): O {
  const isObject = typeof options === "object" && options !== null;
  // Of objects, tensors can be disposed of and lists iterated over.
  const isTensor = isObject && "dispose" in options;
  const isList = isObject && Symbol.iterator in options;
  if (isObject && !isTensor && !isList) {
    for (const other in foreign)
      if (other in options)
        throw new ArgumentError(`${op}: no option ${other}; it is called ${foreign[other]}.`);
    return options;
  }
  const given = isTensor ? "a tensor" : isList ? `[${options}]` : JSON.stringify(options);
  throw new ArgumentError(
    `${op}: got ${given} in place of options. Give them by name, in an object: { ${name}: ${given ?? "…"} }.`,
  );
}

/** @throws ArgumentError for an option that is not among the known ones */
export function requireKnown(op: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw new ArgumentError(`${op}: no option ${name}; it takes ${known.join(", ") || "none"}.`);
}
