import type { Case, Suite } from "../frame/bench";

/** @param passes how often the elements are read or written */
const operation = (kind: string, passes: number): Case => ({
  name: `${kind}, 1024 × 1024`,
  task: "elementwise",
  options: { kind, rows: 1024, width: 1024, repeats: 5 },
  bytes: 4 * 1024 * 1024 * passes,
});

export const elementwise: Suite = {
  name: "elementwise",
  summary: "Operations that no other suite has: sums, GELU, sorting, random numbers.",
  run: (bench) =>
    bench.compare("elementwise", [
      operation("add", 3),
      operation("add a row", 2),
      operation("gelu", 2),
      operation("sort", 2),
      operation("normal", 1),
    ]),
};
