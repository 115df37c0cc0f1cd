/** Trees that must have the structure of another. */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import type { Spec } from "../ops/primitive";
import { sameShape, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";

const isSpec = (value: unknown): value is Spec =>
  typeof value === "object" && value !== null && "shape" in value && "dtype" in value;

/**
 * The tensors of `tree`, which has a tensor (or null) wherever `like` has a tensor or its shape and dtype.
 * @throws ArgumentError, ShapeError or DTypeError that names `what`
 */
export function alikeTensors(
  op: string,
  what: string,
  tree: unknown,
  like: unknown,
): (Tensor | null)[] {
  const found: (Tensor | null)[] = [];
  const visit = (value: unknown, wanted: unknown, path: string): void => {
    if (isSpec(wanted)) {
      if (value === null) found.push(null);
      else if (value instanceof Tensor) found.push(checked(value, wanted, path));
      else
        throw new ArgumentError(
          `${op}: ${what}${path} must be a tensor of shape ${show(wanted.shape)}, or null for zero; got ${value === undefined ? "nothing" : typeof value}.`,
        );
      return;
    }
    if (typeof wanted !== "object" || wanted === null) return;
    for (const [key, part] of Object.entries(wanted))
      visit(
        value === null ? null : (value as Record<string, unknown> | undefined)?.[key],
        part,
        `${path}[${key}]`,
      );
  };
  const checked = (value: Tensor, wanted: Spec, path: string): Tensor => {
    if (!sameShape(value.shape, wanted.shape))
      throw new ShapeError(
        `${op}: ${what}${path} has shape ${show(value.shape)}; it must be ${show(wanted.shape)}, like the value it belongs to.`,
      );
    if (value.dtype !== wanted.dtype)
      throw new DTypeError(
        `${op}: ${what}${path} has dtype ${value.dtype}; it must be ${wanted.dtype}. Convert it with .to("${wanted.dtype}").`,
      );
    return value;
  };
  visit(tree, like, "");
  return found;
}
