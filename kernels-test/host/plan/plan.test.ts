/** What is pure in the planner: leaving out work, placing buffers, and comparing arguments. */
import { describe, expect, test } from "vitest";
import type { DeviceBuffer, Program } from "../../../src/device/executor";
import { type Graph, makeNode, type Value } from "../../../src/plan/graph";
import { type Placed, place } from "../../../src/plan/placement";
import type {
  Located,
  Origin,
  RecordedCommand,
  VirtualBuffer,
  VirtualRange,
} from "../../../src/plan/record";
import { difference, kept, readArguments } from "../../../src/plan/signature";
import { withoutDeadCode, withoutRepetition } from "../../../src/plan/simplify";
import { primitives } from "../../../src/table";
import { GraphWriter } from "../../graphWriter";

const names = ({ nodes }: Graph): string[] => nodes.map(({ primitive }) => primitive.name);

describe("dead code", () => {
  test("is what leads to no result and no write", () => {
    const w = new GraphWriter();
    const x = w.argument([4]);
    const [used, written] = [w.call("exp", [x]), w.call("tanh", [x])];
    w.call("neg", [w.call("sin", [x])]);
    const graph = w.graph(used);
    const writes = [{ target: null as never, value: written }];
    expect(names(withoutDeadCode(graph))).toEqual(["exp"]);
    expect(names(withoutDeadCode({ ...graph, writes }))).toEqual(["exp", "tanh"]);
  });

  test("is no node of which one of several results is read", () => {
    const w = new GraphWriter();
    const halves = w.outputs("split", [w.argument([4])], { dim: 0, sizes: [1, 3] });
    expect(withoutDeadCode(w.graph(halves.outputs[1]!)).nodes).toEqual([halves]);
  });
});

describe("repetition", () => {
  const clamped = primitives.find(({ name }) => name === "clamp")!;
  /** The nodes left of two with these attributes. */
  const left = (first: unknown, second: unknown, again?: true): number => {
    const x: Value = { shape: [4], dtype: "f32", source: { kind: "argument", index: 0 } };
    const nodes = [makeNode(clamped, first, [x], [x]), makeNode(clamped, second, [x], [x], again)];
    const results = nodes.map(({ outputs }) => outputs[0]!);
    const graph = withoutRepetition({ nodes, results, writes: [] });
    if (graph.nodes.length === 1) expect(graph.results[0]).toBe(graph.results[1]);
    return graph.nodes.length;
  };

  test("is the same operation on the same values with equal attributes", () => {
    expect(left({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(1);
    expect(left(null, null)).toBe(1);
    expect(left({ x: Number.NaN }, { x: Number.NaN })).toBe(1);
    expect(left({ x: { y: "t" } }, { x: { y: "t" } })).toBe(1);
  });

  test.each([
    ["a zero and one below zero", { x: 0 }, { x: -0 }],
    ["a number and its text", { x: 1 }, { x: "1" }],
    ["NaN and its text", { x: Number.NaN }, { x: "NaN" }],
    ["undefined and its text", { x: undefined }, { x: "undefined" }],
    ["null and undefined", null, undefined],
    ["a list and its text", [1], "[1]"],
    ["a list and a list of it", [1, 2], [[1, 2]]],
    ["one item and two", ["a,b"], ["a", "b"]],
    ["nothing and a gap", [], new Array<number>(1)],
    ["an object and a list", {}, []],
  ])("is not merged where attributes differ: %s", (_, first, second) => {
    expect(left(first, second)).toBe(2);
  });

  test.each([
    ["functions", (x: number) => x],
    ["maps", new Map([[1, 2]])],
    ["sets", new Set([1])],
    ["typed arrays", Float32Array.of(1)],
    ["dates", new Date(0)],
    ["symbols", Symbol("a")],
    ["whole numbers without bounds", 1n],
  ])("is not merged where attributes hold what is no plain data: %s", (_, value) => {
    expect(left({ value }, { value })).toBe(2);
    expect(left({ value: [value] }, { value: [value] })).toBe(2);
  });

  test("is not merged with what is computed again on purpose", () => {
    expect(left(null, null, true)).toBe(2);
  });

  test("is found through operands that are repetitions themselves", () => {
    const w = new GraphWriter();
    const x = w.argument([4]);
    const twice = [w.call("exp", [w.call("sin", [x])]), w.call("exp", [w.call("sin", [x])])];
    const graph = withoutRepetition(w.graph(...twice));
    expect(names(graph)).toEqual(["sin", "exp"]);
  });
});

const reads = { name: "x", index: 0, access: "read" } as const;
const writes = { name: "y", index: 1, access: "read_write" } as const;

/** Recordings written by hand. */
class Recorder {
  readonly commands: RecordedCommand[] = [];

  buffer(label: string, bytes: number, origin: Origin = { kind: "temporary" }): VirtualBuffer {
    return { label, bytes, lastUse: 0, origin, contents: null };
  }

  outside(label: string, bytes: number): VirtualBuffer {
    const buffer: DeviceBuffer = { label, bytes, lastUse: 0 };
    return this.buffer(label, bytes, { kind: "captured", buffer });
  }

  argument(index: number, bytes: number): VirtualBuffer {
    return this.buffer(`argument ${index}`, bytes, { kind: "argument", index });
  }

  dispatch(from: readonly VirtualRange[], to: readonly VirtualRange[]): void {
    const bindings = [...from.map(() => reads), ...to.map(() => writes)];
    const program = { key: "p", name: "p", wgsl: "", overrides: {}, bindings, params: null };
    this.commands.push({
      kind: "dispatch",
      program: program as Program,
      bindings: [...from, ...to],
      params: null,
      grid: [1, 1, 1],
    });
  }

  copy(from: VirtualRange, to: VirtualRange): void {
    this.commands.push({ kind: "copy", from, to });
  }

  placed(results: readonly VirtualBuffer[] = [], donated: readonly number[] = []): Placed {
    const located = results.map((buffer): Located => ({ buffer, strides: [1], offset: 0 }));
    const limits = { maxBufferBytes: 2 ** 20 };
    return place({ commands: this.commands, results: located }, limits, new Set(donated));
  }
}

const all = (buffer: VirtualBuffer): VirtualRange => ({ buffer, offset: 0, bytes: buffer.bytes });
const part = (buffer: VirtualBuffer, offset: number, bytes: number): VirtualRange => ({
  buffer,
  offset,
  bytes,
});
const copies = ({ commands }: Placed): number =>
  commands.filter(({ kind }) => kind === "copy").length;

describe("what is computed only to be copied to a tensor from outside", () => {
  const make = () => {
    const r = new Recorder();
    return { r, x: r.argument(0, 256), t: r.buffer("t", 256), p: r.outside("p", 1024) };
  };

  test("is computed there", () => {
    const { r, x, t, p } = make();
    r.dispatch([all(x)], [all(t)]);
    r.copy(all(t), part(p, 256, 256));
    const placed = r.placed();
    expect(copies(placed)).toBe(0);
    const [command] = placed.commands;
    if (command?.kind !== "dispatch") throw new Error("no dispatch");
    const { slot, offset } = command.bindings[1]!;
    expect(placed.slots[slot]).toMatchObject({ kind: "captured" });
    expect(offset).toBe(256);
    expect(placed.memory.arenas).toEqual([]);
  });

  test("is copied where the target is read in between", () => {
    const { r, x, t, p } = make();
    const u = r.buffer("u", 256);
    r.dispatch([all(x)], [all(t)]);
    r.dispatch([part(p, 256, 256)], [all(u)]);
    r.copy(all(t), part(p, 256, 256));
    expect(copies(r.placed([u]))).toBe(1);
  });

  test("is computed there where only other parts of the target are read in between", () => {
    const { r, x, t, p } = make();
    const u = r.buffer("u", 256);
    r.dispatch([all(x)], [all(t)]);
    r.dispatch([part(p, 512, 256)], [all(u)]);
    r.copy(all(t), part(p, 256, 256));
    expect(copies(r.placed([u]))).toBe(0);
  });

  test("is copied where its kernel reads another part of the same buffer", () => {
    const { r, t, p } = make();
    r.dispatch([part(p, 512, 256)], [all(t)]);
    r.copy(all(t), part(p, 256, 256));
    expect(copies(r.placed())).toBe(1);
  });

  test("is copied where a kernel reads it and writes another part of the same buffer", () => {
    const { r, x, t, p } = make();
    r.dispatch([all(x)], [all(t)]);
    r.dispatch([all(t)], [part(p, 512, 256)]);
    r.copy(all(t), part(p, 256, 256));
    expect(copies(r.placed())).toBe(1);
  });

  test("is copied where the target holds no whole vec4s, or begins where no binding may", () => {
    for (const range of [
      [256, 252],
      [128, 256],
    ] as const) {
      const { r, x, t, p } = make();
      r.dispatch([all(x)], [all(t)]);
      r.copy(part(t, 0, range[1]), part(p, range[0], range[1]));
      expect(copies(r.placed())).toBe(1);
    }
  });

  test("is copied where it is larger than the target, or its beginning is not copied", () => {
    for (const [from, bytes] of [
      [0, 128],
      [16, 240],
    ] as const) {
      const { r, x, t, p } = make();
      r.dispatch([all(x)], [all(t)]);
      r.copy(part(t, from, bytes), part(p, 256, bytes));
      expect(copies(r.placed())).toBe(1);
    }
  });

  test("is copied where it is a result too", () => {
    const { r, x, t, p } = make();
    r.dispatch([all(x)], [all(t)]);
    r.copy(all(t), part(p, 256, 256));
    expect(copies(r.placed([t]))).toBe(1);
  });

  test("is copied where it was read from the target and changed in place", () => {
    const { r, t, p } = make();
    r.copy(part(p, 256, 256), all(t));
    r.dispatch([], [all(t)]);
    r.copy(all(t), part(p, 256, 256));
    expect(copies(r.placed())).toBe(2);
  });

  test("is computed in one target and copied to the others", () => {
    const { r, x, t, p } = make();
    const q = r.outside("q", 256);
    r.dispatch([all(x)], [all(t)]);
    r.copy(all(t), part(p, 256, 256));
    r.copy(all(t), all(q));
    expect(copies(r.placed())).toBe(1);
    const { commands, slots } = r.placed();
    const [, copy] = commands;
    if (copy?.kind !== "copy") throw new Error("no copy");
    expect(slots[copy.from.slot]).toMatchObject({ kind: "captured" });
  });

  test("is copied to a second target in the same buffer", () => {
    const { r, x, t, p } = make();
    r.dispatch([all(x)], [all(t)]);
    r.copy(all(t), part(p, 256, 256));
    r.copy(all(t), part(p, 512, 256));
    const { commands, slots } = r.placed();
    for (const command of commands)
      if (command.kind === "copy")
        expect(slots[command.from.slot]).not.toBe(slots[command.to.slot]);
  });
});

describe("a donated argument", () => {
  const make = (bytes = 256) => {
    const r = new Recorder();
    return { r, x: r.argument(0, 256), t: r.buffer("t", 256), y: r.buffer("y", bytes) };
  };
  const kind = ({ slots, results }: Placed): string => slots[results[0]!.slot]!.kind;

  test("becomes a result of its size that is made after its last use", () => {
    const { r, x, t, y } = make();
    r.dispatch([all(x)], [all(t)]);
    r.dispatch([all(t)], [all(y)]);
    expect(kind(r.placed([y], [0]))).toBe("argument");
    expect(kind(r.placed([y]))).toBe("result");
  });

  test("stays apart from a result that is made while it is read", () => {
    const { r, x, y } = make();
    r.dispatch([all(x)], [all(y)]);
    expect(kind(r.placed([y], [0]))).toBe("result");
  });

  test("stays apart from results of other sizes", () => {
    const { r, x, t, y } = make(512);
    r.dispatch([all(x)], [all(t)]);
    r.dispatch([all(t)], [all(y)]);
    expect(kind(r.placed([y], [0]))).toBe("result");
  });

  test("becomes one result only", () => {
    const { r, x, t, y } = make();
    const z = r.buffer("z", 256);
    r.dispatch([all(x)], [all(t)]);
    r.dispatch([all(t)], [all(y)]);
    r.dispatch([all(t)], [all(z)]);
    const { slots, results } = r.placed([y, z], [0]);
    expect(results.map(({ slot }) => slots[slot]!.kind)).toEqual(["argument", "result"]);
  });

  test("that is a result itself is left as it is", () => {
    const { r, x, t, y } = make();
    r.dispatch([all(x)], [all(t)]);
    r.dispatch([all(t)], [all(y)]);
    const { slots, results } = r.placed([y, x], [0]);
    expect(results.map(({ slot }) => slots[slot]!.kind)).toEqual(["result", "argument"]);
  });
});

test("what the host wrote has a slot of its own, and takes no room in the arenas", () => {
  const r = new Recorder();
  const [x, y] = [r.argument(0, 256), r.buffer("y", 256)];
  const table: VirtualBuffer = { ...r.buffer("table", 256), contents: new Uint8Array(256) };
  r.dispatch([all(x), all(table)], [all(y)]);
  const { slots, memory } = r.placed([y]);
  expect(slots.map(({ kind }) => kind)).toEqual(["argument", "constant", "result"]);
  expect(memory.peakBytes).toBe(0);
});

test("what is read and written by one dispatch lies in different arenas", () => {
  const r = new Recorder();
  const [x, a, b, y] = [
    r.argument(0, 256),
    r.buffer("a", 256),
    r.buffer("b", 256),
    r.buffer("y", 256),
  ];
  r.dispatch([all(x)], [all(a)]);
  r.dispatch([all(a)], [all(b)]);
  r.dispatch([all(b)], [all(y)]);
  const { commands } = r.placed([y]);
  for (const command of commands) {
    if (command.kind !== "dispatch") continue;
    const [from, to] = command.bindings;
    expect(from!.slot).not.toBe(to!.slot);
  }
});

describe("arguments", () => {
  const changed = (before: unknown[], now: unknown[]): string | null =>
    difference(kept(readArguments(before).leaves), readArguments(now).leaves);

  test("that are equal do not differ", () => {
    const f = (): void => {};
    const same = [1, "a", null, undefined, Number.NaN, f, [1, [2]], { a: { b: -0 } }];
    expect(changed(same, [...same])).toBeNull();
    expect(changed([Float32Array.of(1, Number.NaN)], [Float32Array.of(1, Number.NaN)])).toBeNull();
  });

  const date = new Date(0);
  test.each<[string, unknown[], unknown[], string]>([
    ["a number", [1], [2], "argument 0 is 2 instead of 1"],
    ["the sign of zero", [0], [-0], "argument 0 is -0 instead of 0"],
    ["a text for a number", [2], ["2"], 'argument 0 is "2" instead of 2'],
    [
      "a nested value",
      [{ a: [true] }],
      [{ a: [false] }],
      "argument 0.a[0] is false instead of true",
    ],
    ["fewer", [1, 2], [1], "the structure of the arguments changed at argument 1"],
    ["a longer list", [[1]], [[1, 2]], "argument 0 is a list of 2 instead of a list of 1"],
    ["a list for an object", [{}], [[]], "argument 0 is a list of 0 instead of an object of []"],
    [
      "a text for a list",
      [[]],
      ["a list of 0"],
      'argument 0 is "a list of 0" instead of a list of 0',
    ],
    [
      "the order of keys",
      [{ a: 1, b: 2 }],
      [{ b: 2, a: 1 }],
      'argument 0 is an object of ["b","a"] instead of an object of ["a","b"]',
    ],
    ["nothing for an object", [{}], [null], "argument 0 is null instead of an object of []"],
    ["another function", [() => 1], [() => 1], "argument 0 is another function"],
    ["another instance", [date], [new Date(0)], "argument 0 is another Date"],
    [
      "a typed array for another type",
      [Float32Array.of(0)],
      [Int32Array.of(0)],
      "argument 0 is another Int32Array instead of another Float32Array",
    ],
    ["elements", [Float32Array.of(1)], [Float32Array.of(2)], "argument 0 is another Float32Array"],
    [
      "a key with a dot",
      [{ "a.b": 1 }],
      [{ a: { b: 1 } }],
      'argument 0 is an object of ["a"] instead of an object of ["a.b"]',
    ],
  ])("differ by %s", (_, before, now, text) => {
    expect(changed(before, now)).toBe(text);
  });

  test("are kept as they were, also typed arrays that change later", () => {
    const values = new Float64Array([1, 2, 3]).subarray(1);
    const { leaves } = readArguments([values]);
    const before = kept(leaves);
    expect(difference(before, leaves)).toBeNull();
    values[1] = 9;
    expect(difference(before, leaves)).toBe("argument 0 is another Float64Array");
  });
});
