/**
 * The transport problem that every engine solves: two clouds of points spread evenly at random over the unit square or
 * cube. Numbers come from a generator of whole numbers (transport_problem.py makes the same bits).
 */
import { uniform } from "./trainingProblems.mjs";

/** Rows of coordinates, [n, dimensions] and [m, dimensions]. */
export function clouds({ n, m, dimensions }) {
  const cloud = (seed, count) => {
    const next = uniform(seed);
    return {
      shape: [count, dimensions],
      values: Float32Array.from({ length: count * dimensions }, next),
    };
  };
  return [cloud(1, n), cloud(2, m)];
}
