/** The passes that a traced graph goes through, in order. Each keeps what the graph computes. */
import type { Device } from "../device/device";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { fusePointwise } from "./fusePointwise";
import type { Graph } from "./graph";
import { withConstantsFolded, withoutDeadCode, withoutRepetition } from "./simplify";

/** @param made gets the constants that passes make; the graph reads them from then on */
export function optimise(
  traced: Graph,
  device: Device,
  made: (tensor: DeviceTensor) => void,
): Graph {
  let graph = withoutDeadCode(traced);
  graph = withoutRepetition(graph);
  graph = withConstantsFolded(graph, made);
  graph = withoutDeadCode(graph);
  return fusePointwise(graph, { maxBindings: device.executor.limits.maxStorageBuffers });
}
