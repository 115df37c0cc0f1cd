/**
 * Passes that leave out work: nodes that nothing reads (dead code), nodes that compute what another computes
 * (common subexpressions), and nodes that compute the same at every call (constants).
 */
import { runOnDevice } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { storedBytes } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { sizeOf } from "../tensor/shape";
import { type Graph, type Node, rewired, type Value } from "./graph";

/** Leaves out nodes of which no output is read. */
export function withoutDeadCode(graph: Graph): Graph {
  const live = new Set<Value>(graph.results);
  for (const { value } of graph.writes) live.add(value);
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((value) => live.has(value))) continue;
    for (const input of node.inputs) live.add(input);
    nodes.push(node);
  }
  return { ...graph, nodes: nodes.reverse() };
}

/**
 * Computes once what several nodes compute. Random draws are functions of their keys, so equal ones are the same
 * numbers. What `checkpoint` computes again stays.
 */
export function withoutRepetition(graph: Graph): Graph {
  const numbers = new Map<unknown, number>();
  const numberOf = (thing: unknown): number => {
    let number = numbers.get(thing);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(thing, number);
    }
    return number;
  };
  const known = new Map<string, Node>();
  const replaced = new Map<Value, Value>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const attrs = node.recomputed ? null : textOf(node.attrs);
    if (attrs !== null) {
      const inputs = node.inputs.map((value) => numberOf(replaced.get(value) ?? value));
      const key = `${numberOf(node.primitive)}(${inputs})${attrs}`;
      const first = known.get(key);
      if (first) {
        node.outputs.forEach((value, i) => void replaced.set(value, first.outputs[i]!));
        continue;
      }
      known.set(key, node);
    }
    nodes.push(node);
  }
  return replaced.size === 0 ? graph : rewired(graph, nodes, replaced);
}

/** Plain data as text, the same for equal data; null for what is not plain. */
function textOf(data: unknown): string | null {
  if (data === null || typeof data === "boolean" || typeof data === "string")
    return JSON.stringify(data);
  if (data === undefined) return "undefined";
  if (typeof data === "number") return Object.is(data, -0) ? "-0" : String(data);
  if (typeof data !== "object") return null;
  if (Array.isArray(data)) {
    const items = Array.from(data, textOf);
    return items.includes(null) ? null : `[${items.join()}]`;
  }
  if (Object.getPrototypeOf(data) !== Object.prototype) return null;
  const entries = Object.entries(data).map(([key, value]) => {
    const text = textOf(value);
    return text === null ? null : `${JSON.stringify(key)}:${text}`;
  });
  return entries.includes(null) ? null : `{${entries.sort().join()}}`;
}

/** Constants that one node may make, beyond the bytes it reads. */
const foldedBytes = 1 << 16;

const bytesOf = (values: readonly Value[]): number =>
  values.reduce((sum, { shape, dtype }) => sum + storedBytes(dtype, sizeOf(shape)), 0);

/**
 * Computes at once what depends on constants alone, unless that would take much more memory than computing it
 * at each call.
 * @param made gets the tensors that hold the results; the graph reads them from then on
 */
export function withConstantsFolded(graph: Graph, made: (tensor: DeviceTensor) => void): Graph {
  const constants = new Map<Value, DeviceTensor>();
  const tensorOf = (value: Value): DeviceTensor | null =>
    value.source.kind === "constant" ? value.source.tensor : (constants.get(value) ?? null);
  const replaced = new Map<Value, Value>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(tensorOf);
    const foldable =
      inputs.length > 0 &&
      inputs.every((tensor) => tensor !== null) &&
      bytesOf(node.outputs) <= bytesOf(node.inputs) + foldedBytes;
    if (!foldable) {
      nodes.push(node);
      continue;
    }
    const results = scope(() =>
      runOnDevice(node.primitive, inputs as DeviceTensor[], node.attrs).map((t) => t.alias()),
    );
    results.forEach((tensor, i) => {
      const value = node.outputs[i]!;
      made(tensor);
      constants.set(value, tensor);
      const { shape, dtype } = value;
      replaced.set(value, { shape, dtype, source: { kind: "constant", tensor } });
    });
  }
  return replaced.size === 0 ? graph : rewired(graph, nodes, replaced);
}
