/**
 * Einstein's summation (NumPy `einsum`, PyTorch `einsum`). Each operand names its dimensions by letters;
 * operands are contracted two at a time, each time the pair that costs the fewest multiplications.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { promote } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { arranged, contract, type Labelled, summedTo } from "./contraction";
import { permute, reshape, slice, squeeze, to } from "./shape";

const spoken = (equation: string): string => `einsum "${equation}"`;

/** What one operand or the result is called: letters, and where the ellipsis stands among them. */
interface Subscripts {
  readonly letters: readonly string[];
  /** Letters before the ellipsis; -1 without one. */
  readonly ellipsis: number;
}

function parseSubscripts(equation: string, text: string): Subscripts {
  const at = text.indexOf("...");
  const letters = [...text.replace("...", "")];
  const wrong = letters.find((letter) => !/^[a-zA-Z]$/.test(letter));
  if (wrong !== undefined)
    throw new ArgumentError(
      `${spoken(equation)}: "${wrong}" in "${text}" is no letter; subscripts are letters a to z and A to Z, and at most one "..." each.`,
    );
  return { letters, ellipsis: at };
}

/** Dimensions of the ellipsis are labelled from the last backwards, as they broadcast. */
const ellipsisLabels = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `...${count - 1 - i}`);

interface Parsed {
  /** One label per dimension of each operand, perhaps repeated. */
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

function parse(equation: string, ranks: readonly number[]): Parsed {
  const sides = equation.replace(/\s/g, "").split("->");
  if (sides.length > 2)
    throw new ArgumentError(`${spoken(equation)}: "->" stands in it more than once.`);
  const inputs = sides[0]!.split(",").map((text) => parseSubscripts(equation, text));
  if (inputs.length !== ranks.length)
    throw new ArgumentError(
      `${spoken(equation)}: it has subscripts for ${inputs.length} operands, and ${ranks.length} were given.`,
    );
  let widest = 0;
  const operands = inputs.map(({ letters, ellipsis }, i) => {
    const extra = ranks[i]! - letters.length;
    if (extra < 0 || (extra > 0 && ellipsis < 0))
      throw new ShapeError(
        `${spoken(equation)}: operand ${i} has ${ranks[i]} dimensions and ${letters.length} subscripts; give one letter per dimension${extra > 0 ? ', or "..." for those that are not named' : ""}.`,
      );
    if (ellipsis < 0) return letters;
    widest = Math.max(widest, extra);
    return [...letters.slice(0, ellipsis), ...ellipsisLabels(extra), ...letters.slice(ellipsis)];
  });
  return { operands, output: parseOutput(equation, sides[1], inputs, widest) };
}

/** Without "->": the ellipsis, then in alphabetical order the letters that occur once. */
function parseOutput(
  equation: string,
  text: string | undefined,
  inputs: readonly Subscripts[],
  ellipsis: number,
): string[] {
  const all = inputs.flatMap(({ letters }) => letters);
  if (text === undefined) {
    const once = all.filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter));
    return [...ellipsisLabels(ellipsis), ...once.sort()];
  }
  const output = parseSubscripts(equation, text);
  const repeated = output.letters.find((letter, i) => output.letters.indexOf(letter) !== i);
  const unknown = output.letters.find((letter) => !all.includes(letter));
  if (repeated !== undefined || unknown !== undefined)
    throw new ArgumentError(
      `${spoken(equation)}: "${repeated ?? unknown}" of the result ${repeated === undefined ? "names no dimension of an operand" : "occurs twice in it"}.`,
    );
  if (output.ellipsis < 0) return [...output.letters];
  return [
    ...output.letters.slice(0, output.ellipsis),
    ...ellipsisLabels(ellipsis),
    ...output.letters.slice(output.ellipsis),
  ];
}

/** The size of every label; 1 broadcasts. @throws ShapeError for a label of two sizes */
function sizesOf(
  equation: string,
  labels: readonly (readonly string[])[],
  operands: readonly Tensor[],
): Map<string, number> {
  const sizes = new Map<string, number>();
  operands.forEach(({ shape }, i) => {
    labels[i]!.forEach((label, d) => {
      const known = sizes.get(label) ?? 1;
      const size = shape[d]!;
      if (known !== 1 && size !== 1 && known !== size)
        throw new ShapeError(
          `${spoken(equation)}: ${label.startsWith("...") ? 'a dimension of "..."' : `"${label}"`} has ${known} elements in one operand and ${size} in operand ${i} ${show(shape)}.`,
        );
      sizes.set(label, size === 1 ? known : size);
    });
  });
  return sizes;
}

/** Each label once: a repeated one takes the diagonal; dimensions that broadcast are left out. */
function distinct(
  value: Tensor,
  labels: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Labelled {
  for (const [d, label] of labels.entries()) {
    const others = labels.map((_, i) => i).filter((i) => i !== d);
    const rest = others.map((i) => labels[i]!);
    if (value.shape[d] === 1 && (sizes.get(label) !== 1 || rest.includes(label)))
      return distinct(squeeze(value, d), rest, sizes);
    const twin = labels.indexOf(label, d + 1);
    if (twin < 0 || value.shape[twin] === 1) continue;
    const size = value.shape[d]!;
    const outer = others.filter((i) => i !== twin);
    const pair = permute(value, [...outer, d, twin]);
    const shape = outer.map((i) => value.shape[i]!);
    const flat = reshape(pair, [...shape, size * size]);
    const diagonal = slice(flat, { dim: outer.length, step: size + 1 });
    return distinct(diagonal, [...outer.map((i) => labels[i]!), label], sizes);
  }
  return { labels, value };
}

/** The pair whose product costs the fewest multiplications; of equal ones, that with the smallest result. */
function cheapest(
  terms: readonly Labelled[],
  output: readonly string[],
  sizes: ReadonlyMap<string, number>,
): [number, number] {
  let best: [number, number] = [0, 1];
  let least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
  const product = (labels: Iterable<string>): number =>
    [...labels].reduce((total, label) => total * sizes.get(label)!, 1);
  for (let i = 0; i < terms.length; i++)
    for (let j = i + 1; j < terms.length; j++) {
      const labels = new Set([...terms[i]!.labels, ...terms[j]!.labels]);
      const cost = product(labels);
      const size = product(keptOf(terms, [i, j], output).filter((label) => labels.has(label)));
      if (cost < least[0] || (cost === least[0] && size < least[1])) {
        least = [cost, size];
        best = [i, j];
      }
    }
  return best;
}

/** Labels that are still wanted when the terms `which` have been multiplied. */
const keptOf = (
  terms: readonly Labelled[],
  which: readonly number[],
  output: readonly string[],
): string[] => [
  ...new Set([...output, ...terms.flatMap(({ labels }, i) => (which.includes(i) ? [] : labels))]),
];

/**
 * Sums of products by a formula of subscripts (PyTorch `einsum`).
 *
 * One letter per dimension, operands separated by commas. Dimensions with the same letter are multiplied
 * element by element; those that the result does not name are summed. A letter twice in one operand is a
 * diagonal; "..." stands for dimensions that broadcast. Without "->" the result has the letters that occur
 * once, in alphabetical order (capitals first), after the ellipsis. Sizes of 1 broadcast.
 *
 * @param equation as "ij,jk->ik"; blanks are ignored
 * @param operands of number types, promoted to one
 * @returns differentiable in every operand
 * @throws ArgumentError for an equation that is none, ShapeError where ranks or sizes do not fit,
 * DTypeError for bool
 * @example einsum("bij,bjk->bik", a, b) // a batch of matrix products
 * @example einsum("ii->i", a) // the diagonal
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  if (typeof equation !== "string")
    throw new ArgumentError(`einsum: the equation ${equation} must be text, such as "ij,jk->ik".`);
  if (operands.length === 0) throw new ArgumentError("einsum: pass at least one operand.");
  const bool = operands.findIndex((t) => t.dtype === "bool");
  if (bool >= 0)
    throw new DTypeError(
      `${spoken(equation)}: operand ${bool} is bool; convert with .to("i32") or .to("f32").`,
    );
  const { operands: labels, output } = parse(
    equation,
    operands.map((t) => t.rank),
  );
  const sizes = sizesOf(equation, labels, operands);
  const dtype = operands.map((t) => t.dtype).reduce(promote);
  return scope(() => {
    let terms = operands.map((t, i) => distinct(to(t, dtype), labels[i]!, sizes));
    while (terms.length > 1) {
      const pair = cheapest(terms, output, sizes);
      const kept = new Set(keptOf(terms, pair, output));
      const product = contract(terms[pair[0]]!, terms[pair[1]]!, kept);
      terms = [...terms.filter((_, i) => !pair.includes(i)), product];
    }
    const result = arranged(summedTo(terms[0]!, new Set(output)), output);
    return operands.includes(result) ? reshape(result, result.shape) : result;
  });
}
