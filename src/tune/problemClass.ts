/** Which problems share a winner, and how winners are written down. */
import type { Choice, Variant } from "../ops/variants";

/** Sizes up to here stand for themselves. */
const exactUpTo = 16;

/** Two classes for each doubling: the nearest of 2^(i / 2), as a whole number. */
function bucket(size: number): number {
  if (size <= exactUpTo) return size;
  return Math.round(2 ** (Math.round(2 * Math.log2(size)) / 2));
}

/**
 * The class of a problem: its table and its numbers, those above 16 rounded to half powers of two.
 * @example classOf({ family: "scan", problem: [3, 1000], … }) // "scan 3 1024"
 */
export function classOf({ family, problem }: Choice<Variant>): string {
  const parts = problem.map((p) =>
    typeof p === "number" ? bucket(p) : typeof p === "boolean" ? (p ? "yes" : "no") : p,
  );
  return [family, ...parts].join(" ");
}

/** @example nameOf({ kernel: "vector", lanes: 64 }) // "vector lanes=64" */
export function nameOf(variant: Variant): string {
  if (typeof variant !== "object") return String(variant);
  return Object.entries(variant)
    .map(([key, value]) => (key === "kernel" ? value : `${key}=${value}`))
    .join(" ");
}
