import type { Weight } from "./trainingProblems.mjs";

export interface TransportProblem {
  readonly n: number;
  readonly m: number;
  readonly dimensions: number;
  readonly epsilon: number;
  readonly iterations: number;
  /** Whether the engine is given the matrix of costs, or points. */
  readonly dense: boolean;
}
export function clouds(
  problem: Pick<TransportProblem, "n" | "m" | "dimensions">,
): [x: Weight, y: Weight];
