/** The fixtures that POT made (kernels-test/oracles/cases/transport.py), with the problems that they are of. */
import { readFileSync } from "node:fs";
import { decodeSafetensors, toArray } from "../../../src/train/safetensors";
import { type CostName, costMatrix } from "./costs";
import { drawPoints, drawWeights, type WeightKind } from "./drawn";
import type { MarginalPenalty } from "./sinkhorn";

const file = decodeSafetensors(
  readFileSync(new URL("../../oracles/fixtures/transport.safetensors", import.meta.url)),
  "transport.safetensors",
);

interface StoredCase {
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly results?: Readonly<Record<string, number>>;
}

const stored = JSON.parse(file.metadata["cases"]!) as Readonly<Record<string, StoredCase>>;

export const potVersion = file.metadata["pot"];

/** Cases of one operation; A is what the script says of its `attrs`. */
export function potCases<A>(op: string) {
  return Object.entries(stored).flatMap(([name, { op: own, attrs, results = {} }]) =>
    own === op
      ? [
          {
            name,
            attrs: attrs as A,
            results,
            tensor: (role: string): Float64Array =>
              Float64Array.from(toArray(file.tensors.get(`${name}/${role}`)!, "F64")),
          },
        ]
      : [],
  );
}

/** Two weighted sets of points in the unit cube. */
export interface PairAttrs {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly cost: CostName;
  readonly weights: readonly [WeightKind, WeightKind];
  readonly masses: readonly [number, number];
  readonly seed: number;
}

export interface SinkhornAttrs extends PairAttrs {
  readonly epsilon: number;
  readonly penalty?: { readonly a?: MarginalPenalty; readonly b?: MarginalPenalty };
}

/** x [n, d], y [m, d], a, b and C [n, m] of a case. */
export function pairOf({ n, m, d, cost, weights, masses, seed }: PairAttrs) {
  const [x, y] = [drawPoints(n, d, seed), drawPoints(m, d, seed + 1)];
  return {
    x,
    y,
    a: drawWeights(weights[0], n, seed + 2, masses[0]),
    b: drawWeights(weights[1], m, seed + 3, masses[1]),
    cost: costMatrix(cost, x, y, d),
  };
}
