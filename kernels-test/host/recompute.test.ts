import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AnyPrimitive } from "../../src/ops/primitive";
import { type Graph, makeNode, type Node, rewired, type Value } from "../../src/plan/graph";
import { liveness } from "../../src/plan/liveness";
import { recomputeWithin } from "../../src/plan/recompute";
import type { Shape } from "../../src/tensor/shape";

const KiB = 1024;

/** Only what passes look at: no node runs here. */
const primitive = (name: string, inPlace = false): AnyPrimitive => ({
  name,
  formula: name,
  saves: "nothing",
  outputs: () => [],
  run: () => [],
  ...(inPlace && { runInPlace: () => null }),
  vjp: null,
  jvp: null,
  batch: () => [],
});

const [tanh, relu, matmul, add] = [
  primitive("tanh"),
  primitive("relu", true),
  primitive("matmul"),
  primitive("add"),
];

class Builder {
  readonly nodes: Node[] = [];

  argument(shape: Shape, index = 0): Value {
    return { shape, dtype: "f32", source: { kind: "argument", index } };
  }

  op(what: AnyPrimitive, inputs: readonly Value[], shape: Shape, attrs: unknown = null): Value {
    const node = makeNode(what, attrs, inputs, [{ shape, dtype: "f32" }]);
    this.nodes.push(node);
    return node.outputs[0]!;
  }

  graph(...results: Value[]): Graph {
    return { nodes: this.nodes, results, writes: [] };
  }
}

/** What a value is, as a formula: equal for equal computations. */
function formulaOf(value: Value, known = new Map<Value, string>()): string {
  let text = known.get(value);
  if (text === undefined) {
    const { source } = value;
    if (source.kind === "node") {
      const inputs = source.node.inputs.map((input) => formulaOf(input, known));
      text = `${source.node.primitive.name}${source.output}(${inputs.join()})`;
    } else text = source.kind === "argument" ? `x${source.index}` : source.kind;
    known.set(value, text);
  }
  return text;
}

function expectInOrder({ nodes, results }: Graph): void {
  const made = new Set<Value>();
  const expectMade = (value: Value) => {
    if (value.source.kind === "node") expect(made.has(value)).toBe(true);
  };
  for (const node of nodes) {
    node.inputs.forEach(expectMade);
    for (const value of node.outputs) made.add(value);
  }
  results.forEach(expectMade);
}

/**
 * A tower: h_i = tanh(W h_{i-1}), and its gradient, which reads the h_i in reverse. All h are alive in the middle.
 */
function tower(layers: number, rows = 64, width = 64): Graph {
  const b = new Builder();
  const shape = [rows, width];
  let h = b.argument(shape);
  const saved: { input: Value; product: Value; h: Value }[] = [];
  for (let i = 0; i < layers; i++) {
    const product = b.op(matmul, [h, b.argument([width, width], i + 1)], shape);
    const next = b.op(tanh, [product], shape);
    saved.push({ input: h, product, h: next });
    h = next;
  }
  let g = b.op(primitive("lossGradient"), [h], shape);
  const results: Value[] = [];
  for (const { input, h: output } of saved.reverse()) {
    const d = b.op(primitive("tanhBackward"), [g, output], shape);
    const transposed = b.op(primitive("permute"), [input], [width, rows], { dims: [1, 0] });
    results.push(b.op(matmul, [transposed, d], [width, width]));
    g = b.op(matmul, [d, b.argument([width, width], 0)], shape);
  }
  return b.graph(...results, g);
}

describe("the estimate of live bytes", () => {
  test("counts a value from its node to its last reader", () => {
    const b = new Builder();
    const x = b.argument([256]);
    const y = b.op(tanh, [x], [256]);
    const z = b.op(tanh, [y], [256]);
    const sum = b.op(add, [y, z], [256]);
    const last = b.op(tanh, [sum], [256]);
    const { live, peakBytes } = liveness(b.graph(last));
    expect(live).toEqual([KiB, 2 * KiB, 3 * KiB, KiB]);
    expect(peakBytes).toBe(3 * KiB);
  });

  test("a view keeps what it views, and takes nothing", () => {
    const b = new Builder();
    const y = b.op(tanh, [b.argument([16, 16])], [16, 16]);
    const view = b.op(primitive("permute"), [y], [16, 16], { dims: [1, 0] });
    const other = b.op(tanh, [b.argument([16, 16])], [16, 16]);
    const sum = b.op(add, [view, other], [16, 16]);
    const graph = liveness(b.graph(b.op(tanh, [sum], [16, 16])));
    expect(graph.live).toEqual([KiB, 0, 2 * KiB, 3 * KiB, KiB]);
    expect(graph.residenceOf(view)).toBe(graph.residenceOf(y));
  });

  test("a reshape copies what does not lie in order", () => {
    const b = new Builder();
    const y = b.op(tanh, [b.argument([16, 16])], [16, 16]);
    const flat = b.op(primitive("reshape"), [y], [256]);
    const turned = b.op(primitive("permute"), [y], [16, 16], { dims: [1, 0] });
    const copied = b.op(primitive("reshape"), [turned], [256]);
    const sum = b.op(add, [flat, copied], [256]);
    const { live } = liveness(b.graph(b.op(tanh, [sum], [256])));
    expect(live).toEqual([KiB, 0, 0, 2 * KiB, 3 * KiB, KiB]);
  });

  test("one output takes over the memory of an input that dies", () => {
    const b = new Builder();
    const y = b.op(tanh, [b.argument([256])], [256]);
    const z = b.op(relu, [y], [256]);
    const { live } = liveness(b.graph(b.op(tanh, [z], [256])));
    expect(live).toEqual([KiB, KiB, KiB]);
  });

  test("arguments, results and what is written outside are not counted", () => {
    const b = new Builder();
    const y = b.op(tanh, [b.argument([256])], [256]);
    expect(liveness(b.graph(y)).peakBytes).toBe(0);
  });
});

describe("recomputation under a budget", () => {
  test("leaves a graph alone that fits", () => {
    const graph = tower(6);
    const { peakBytes } = liveness(graph);
    const { graph: same, ...report } = recomputeWithin(graph, { budgetBytes: peakBytes });
    expect(same.nodes).toEqual(graph.nodes);
    expect(report).toEqual({ estimatedPeakBytes: peakBytes, recomputed: 0, addedWork: 0 });
  });

  test.each([0.9, 0.7, 0.5])("brings a tower of products under %d of its peak", (part) => {
    const graph = tower(12);
    const budgetBytes = part * liveness(graph).peakBytes;
    const after = recomputeWithin(graph, { budgetBytes });
    expect(after.estimatedPeakBytes).toBeLessThanOrEqual(budgetBytes);
    expect(liveness(after.graph).peakBytes).toBe(after.estimatedPeakBytes);
    expect(after.recomputed).toBeGreaterThan(0);
    expect(after.addedWork).toBeGreaterThan(0);
    expect(after.addedWork).toBeLessThan(1);
    expectInOrder(after.graph);
  });

  test("computes the same, and marks its copies so that they are not merged again", () => {
    const graph = tower(8);
    const after = recomputeWithin(graph, { budgetBytes: 0.6 * liveness(graph).peakBytes });
    const formulas = ({ results }: Graph) => results.map((value) => formulaOf(value));
    expect(formulas(after.graph)).toEqual(formulas(graph));
    const { nodes } = after.graph;
    const first = new Set<string>();
    for (const node of nodes) {
      const formula = node.outputs.map((value) => formulaOf(value)).join();
      if (first.has(formula)) expect(node.recomputed).toBe(true);
      first.add(formula);
    }
    expect(nodes.length - graph.nodes.length).toBe(after.recomputed);
  });

  test("drops what is cheap to compute again rather than products", () => {
    const b = new Builder();
    const [x, w] = [b.argument([64, 64]), b.argument([64, 64], 1)];
    const product = b.op(matmul, [x, w], [64, 64]);
    const cheap = b.op(tanh, [x], [64, 64]);
    const long = b.op(primitive("exp"), [x], [128, 64]);
    const short = b.op(primitive("sum"), [long], [64]);
    const sum = b.op(primitive("sumAll"), [product, cheap, short], [64]);
    const graph = b.graph(sum);
    const { peakBytes } = liveness(graph);
    const after = recomputeWithin(graph, { budgetBytes: peakBytes - 1 });
    expect(after.estimatedPeakBytes).toBe(peakBytes - 16 * KiB);
    const copied = after.graph.nodes.filter(({ recomputed }) => recomputed);
    expect(copied.map((node) => node.primitive.name)).toEqual(["tanh"]);
  });

  test("computes a part of a fused node again where the whole would be dear", () => {
    const b = new Builder();
    const [x, w] = [b.argument([64, 64]), b.argument([64, 64], 1)];
    const product = b.op(matmul, [x, w], [64, 64]);
    const active = b.op(tanh, [product], [64, 64]);
    const used = b.op(primitive("sum"), [active], [64]);
    const long = b.op(primitive("exp"), [x], [128, 64]);
    const short = b.op(primitive("sum"), [long], [64]);
    const graph = b.graph(b.op(primitive("sumAll"), [product, active, used, short], [64]));

    /** A product and its tanh by one node with two results, unless the tanh is one computed again. */
    const fuse = (of: Graph): Graph => {
      const replaced = new Map<Value, Value>();
      const nodes = of.nodes.flatMap((node): Node[] => {
        const next = of.nodes.find((n) => n.primitive === tanh && n.inputs[0] === node.outputs[0]);
        if (node.primitive === tanh && !node.recomputed) return [];
        if (node.primitive !== matmul || !next || next.recomputed) return [node];
        const outputs = [...node.outputs, ...next.outputs];
        const both = makeNode(primitive("matmulEpilogue"), null, node.inputs, outputs);
        outputs.forEach((value, i) => void replaced.set(value, both.outputs[i]!));
        return [both];
      });
      return rewired(of, nodes, replaced);
    };
    const { peakBytes } = liveness(fuse(graph));
    const whole = recomputeWithin(fuse(graph), { budgetBytes: peakBytes - 1 });
    const part = recomputeWithin(graph, { budgetBytes: peakBytes - 1, fuse });
    expect(whole.estimatedPeakBytes).toBeLessThan(peakBytes);
    expect(part.estimatedPeakBytes).toBeLessThan(peakBytes);
    expect(part.graph.nodes.map((node) => node.primitive.name)).toContain("matmulEpilogue");
    expect(part.addedWork).toBeLessThan(whole.addedWork / 2);
  });

  test("a budget that cannot be kept is reported by the least peak that was found", () => {
    const graph = tower(12);
    const { peakBytes } = liveness(graph);
    const { estimatedPeakBytes } = recomputeWithin(graph, { budgetBytes: 1 });
    // A node of the backward pass, its two inputs and its output, and what they are computed from.
    expect(estimatedPeakBytes).toBeGreaterThanOrEqual(3 * 16 * KiB);
    expect(estimatedPeakBytes).toBeLessThan(peakBytes / 2);
  });

  test("is the same for the same graph", () => {
    const text = () => {
      const graph = tower(10);
      const after = recomputeWithin(graph, { budgetBytes: 0.5 * liveness(graph).peakBytes });
      return after.graph.nodes.map((node) => formulaOf(node.outputs[0]!));
    };
    expect(text()).toEqual(text());
  });

  /** Nodes of one or two outputs and of several sizes, that read what was made any time before. */
  const graphs = fc
    .array(
      fc.record({
        kind: fc.constantFrom("tanh", "relu", "exp", "pair", "reshape", "permute"),
        reads: fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }),
        rows: fc.constantFrom(8, 64, 128),
      }),
      { minLength: 1, maxLength: 30 },
    )
    .map((steps): Graph => {
      const values: Value[] = [new Builder().argument([16, 16])];
      const nodes = steps.map(({ kind, reads, rows }) => {
        const inputs = reads.map((back) => values.at(-1 - (back % values.length))!);
        const [m, n] = inputs[0]!.shape as [number, number];
        const of: Record<string, [unknown, Shape[]]> = {
          reshape: [null, [[n, m]]],
          permute: [{ dims: [1, 0] }, [[n, m]]],
          pair: [null, [[rows, 16], [rows]].map((shape) => [shape[0]!, shape[1] ?? 1])],
        };
        const [attrs, shapes] = of[kind] ?? [null, [[rows, 16]]];
        const specs = shapes.map((shape) => ({ shape, dtype: "f32" as const }));
        const node = makeNode(primitive(kind, kind === "relu"), attrs, inputs, specs);
        values.push(...node.outputs);
        return node;
      });
      return {
        nodes,
        results: [values.at(-1)!, values[Math.floor(values.length / 2)]!],
        writes: [],
      };
    });

  test("ends where a lower peak and a higher one lead to each other", () => {
    const values: Value[] = [new Builder().argument([16, 16])];
    const node = (kind: string, reads: readonly number[], ...shapes: Shape[]): Node => {
      const specs = shapes.map((shape) => ({ shape, dtype: "f32" as const }));
      const attrs = kind === "permute" ? { dims: [1, 0] } : null;
      const inputs = reads.map((i) => values[i]!);
      const made = makeNode(primitive(kind, kind === "relu"), attrs, inputs, specs);
      values.push(...made.outputs);
      return made;
    };
    const nodes = [
      node("pair", [0, 0, 0], [8, 16], [8, 1]),
      node("permute", [1, 2], [16, 8]),
      node("permute", [1, 1, 1], [16, 8]),
      node("relu", [4], [64, 16]),
      node("reshape", [1], [16, 8]),
      node("relu", [6, 1], [8, 16]),
      node("tanh", [3], [64, 16]),
      node("exp", [7, 8], [64, 16]),
    ];
    const graph = { nodes, results: [values[9]!, values[5]!], writes: [] };
    const after = recomputeWithin(graph, { budgetBytes: 0 });
    expect(after.estimatedPeakBytes).toBeLessThan(liveness(graph).peakBytes);
  });

  test("never raises the peak, nor changes what any graph computes", () => {
    fc.assert(
      fc.property(graphs, fc.double({ min: 0, max: 1, noNaN: true }), (graph, part) => {
        const { peakBytes } = liveness(graph);
        const after = recomputeWithin(graph, { budgetBytes: part * peakBytes });
        expect(after.estimatedPeakBytes).toBeLessThanOrEqual(peakBytes);
        expect(after.graph.results.map((value) => formulaOf(value))).toEqual(
          graph.results.map((value) => formulaOf(value)),
        );
        expectInOrder(after.graph);
      }),
    );
  });
});
