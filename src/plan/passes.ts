/** The passes that a traced graph goes through, in order. Each keeps what the graph computes. */
import type { Device } from "../device/device";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { fuseEpilogues } from "./fuseEpilogues";
import { fusePointwise } from "./fusePointwise";
import { fuseReductions } from "./fuseReductions";
import type { Graph } from "./graph";
import { withLayouts } from "./layout";
import { type Recomputation, recomputeWithin } from "./recompute";
import { withConstantsFolded, withoutDeadCode, withoutRepetition } from "./simplify";

export interface PassOptions {
  readonly device: Device;
  /** What intermediate values may take at once, in bytes; null for no budget. */
  readonly memoryBudget: number | null;
  /** Gets the constants that passes make; the graph reads them from then on. */
  made(tensor: DeviceTensor): void;
}

export interface Optimised {
  readonly graph: Graph;
  /** What was done to keep within the budget; null where there is none. */
  readonly recomputation: Recomputation | null;
}

export function optimise(traced: Graph, { device, memoryBudget, made }: PassOptions): Optimised {
  const { limits, adapter } = device.executor;
  const fusion = { maxBindings: limits.maxStorageBuffers, adapter: adapter.class };
  let graph = withoutDeadCode(traced);
  graph = withoutRepetition(graph);
  graph = withConstantsFolded(graph, made);
  graph = withoutDeadCode(graph);
  graph = withLayouts(graph);
  const fuse = (of: Graph): Graph =>
    fuseReductions(fuseEpilogues(fusePointwise(of, fusion), fusion), fusion);
  if (memoryBudget === null) return { graph: fuse(graph), recomputation: null };
  const recomputation = recomputeWithin(graph, { budgetBytes: memoryBudget, fuse });
  return { graph: recomputation.graph, recomputation };
}
