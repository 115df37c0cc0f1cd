import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LimitError } from "../../src/errors";
import {
  type MemoryPlan,
  type MemoryRequest,
  planMemory,
  type VirtualBuffer,
} from "../../src/plan/memoryPlan";

const roomy = { maxBufferBytes: 2 ** 31 };

/** What breaks a rule, in words; written without looking at how plans are made. */
function faults(request: MemoryRequest, plan: MemoryPlan): string[] {
  const { buffers, conflicts, limits, alignment = 256 } = request;
  const found: string[] = [];
  const place = (b: number) => plan.placements[b]!;
  if (plan.placements.length !== buffers.length) found.push("a buffer has no place");
  buffers.forEach(({ bytes, first, last }, b) => {
    const { arena, offset } = place(b);
    const end = offset + bytes;
    if (offset % alignment !== 0) found.push(`${b} starts at ${offset}`);
    if (offset < 0 || !(end <= plan.arenas[arena]!.bytes)) found.push(`${b} leaves its arena`);
    for (let c = 0; c < b; c++) {
      const other = buffers[c]!;
      const start = place(c).offset;
      const together = other.first <= last && first <= other.last && place(c).arena === arena;
      if (together && start < end && offset < start + other.bytes) found.push(`${b} overlaps ${c}`);
    }
  });
  conflicts.forEach(({ reads, writes }, at) => {
    for (const r of reads)
      for (const w of writes)
        if (r !== w && place(r).arena === place(w).arena)
          found.push(`command ${at} reads and writes one arena`);
  });
  for (const { bytes } of plan.arenas)
    if (bytes > limits.maxBufferBytes || bytes % alignment !== 0 || bytes === 0)
      found.push(`an arena of ${bytes} bytes`);
  if (plan.peakBytes !== plan.arenas.reduce((sum, { bytes }) => sum + bytes, 0))
    found.push("the peak is not the sum of the arenas");
  plan.arenas.forEach(({ bytes }, a) => {
    if (a > 0 && bytes > plan.arenas[a - 1]!.bytes) found.push("a larger arena comes later");
  });
  return found;
}

const aligned = (bytes: number) => Math.max(Math.ceil(bytes / 256), 1) * 256;
const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
const separately = (buffers: readonly VirtualBuffer[]) => sum(buffers.map((b) => aligned(b.bytes)));

/** Records dispatches as a lowered graph makes them: each reads some buffers and makes others. */
function recorder() {
  const buffers: { bytes: number; first: number; last: number }[] = [];
  const conflicts: { reads: readonly number[]; writes: number[] }[] = [];
  const dispatch = (reads: readonly number[], ...made: number[]): number[] => {
    const at = conflicts.length;
    const writes = made.map((bytes) => buffers.push({ bytes, first: at, last: at }) - 1);
    for (const read of reads) buffers[read]!.last = at;
    conflicts.push({ reads, writes });
    return writes;
  };
  const request = (maxBufferBytes = roomy.maxBufferBytes): MemoryRequest => ({
    buffers,
    conflicts,
    limits: { maxBufferBytes },
  });
  return { dispatch, request };
}

interface Model {
  readonly layers: number;
  readonly rows: number;
  readonly width: number;
  /** Bias and residual in the epilogue of a product, or dispatches of their own. */
  readonly fused: boolean;
}

/** Loss, gradient and optimizer of a transformer: rows of `width`, hidden layers four times as wide. */
function trainingStep({ layers, rows, width, fused }: Model): MemoryRequest {
  const { dispatch, request } = recorder();
  const vocabulary = 96;
  const one = (reads: readonly number[], bytes: number) => dispatch(reads, bytes)[0]!;
  const stream = rows * width * 4;
  const linear = (x: number, outputs: number, residual: readonly number[] = []) => {
    const bytes = rows * outputs * 4;
    if (fused) return one([x, ...residual], bytes);
    const biased = one([one([x], bytes)], bytes);
    return residual.length > 0 ? one([biased, ...residual], bytes) : biased;
  };
  const norm = (x: number) => dispatch([x], stream, rows * 8) as [number, number];
  const gradients: number[] = [];
  const weightGradient = (x: number, dy: number, inputs: number, outputs: number) => {
    gradients.push(one([one([x, dy], 4 * inputs * outputs * 4)], inputs * outputs * 4));
    gradients.push(one([one([dy], 16 * outputs * 4)], outputs * 4));
  };
  const normGradient = (x: number, statistics: number, dy: number) => {
    gradients.push(one([one([x, statistics, dy], 16 * width * 8)], width * 8));
    return one([x, statistics, dy], stream);
  };

  let x = one([], stream);
  const saved = Array.from({ length: layers }, () => {
    const [normed, statistics] = norm(x);
    const qkv = linear(normed, 3 * width);
    const [mixed, sums] = dispatch([qkv], stream, rows * 16) as [number, number];
    const middle = linear(mixed, width, [x]);
    const [normed2, statistics2] = norm(middle);
    const hidden = linear(normed2, 4 * width);
    const active = one([hidden], 4 * stream);
    const input = x;
    x = linear(active, width, [middle]);
    return {
      input,
      normed,
      statistics,
      qkv,
      mixed,
      sums,
      middle,
      normed2,
      statistics2,
      hidden,
      active,
    };
  });
  const [last, statistics] = norm(x);
  const logits = linear(last, vocabulary);
  const [losses, sums] = dispatch([logits], rows * 4, rows * 4) as [number, number];
  one([losses], 4);
  const dLogits = one([logits, sums], rows * vocabulary * 4);
  weightGradient(last, dLogits, width, vocabulary);
  let dx = normGradient(x, statistics, one([dLogits], stream));
  for (const layer of saved.reverse()) {
    const dActive = one([dx], 4 * stream);
    weightGradient(layer.active, dx, 4 * width, width);
    const dHidden = one([dActive, layer.hidden], 4 * stream);
    const dNormed2 = one([dHidden], stream);
    weightGradient(layer.normed2, dHidden, width, 4 * width);
    const dMiddle = one([normGradient(layer.middle, layer.statistics2, dNormed2), dx], stream);
    const dMixed = one([dMiddle], stream);
    weightGradient(layer.mixed, dMiddle, width, width);
    const delta = one([dMixed, layer.mixed], rows * 16);
    const dQkv = one([layer.qkv, dMixed, layer.sums, delta], 3 * stream);
    const dNormed = one([dQkv], stream);
    weightGradient(layer.normed, dQkv, width, 3 * width);
    dx = one([normGradient(layer.input, layer.statistics, dNormed), dMiddle], stream);
  }
  gradients.push(one([dx], vocabulary * width * 4));
  const squares = gradients.map((gradient) => one([gradient], 256));
  const scale = one(squares.slice(0, 6), 4);
  for (const gradient of gradients) dispatch([gradient, scale]);
  return request();
}

/** Programs of any form: a dispatch reads some of what there is, sometimes from long ago. */
const programs = fc
  .array(
    fc.record({
      reads: fc.array(fc.nat(40), { maxLength: 4 }),
      made: fc.array(fc.nat(5000), { maxLength: 3 }),
    }),
    { maxLength: 40 },
  )
  .map((commands) => {
    const { dispatch, request } = recorder();
    let count = 0;
    for (const { reads, made } of commands) {
      const known = reads.map((back) => count - 1 - back).filter((b) => b >= 0);
      count += dispatch([...new Set(known)], ...made).length;
    }
    return request();
  });

describe("a memory plan", () => {
  test("keeps every rule", () => {
    fc.assert(
      fc.property(programs, (request) => {
        expect(faults(request, planMemory(request))).toEqual([]);
      }),
    );
  });

  test("keeps every rule where arenas may hardly be larger than the largest buffer", () => {
    fc.assert(
      fc.property(programs, (request) => {
        const tight = { ...request, limits: { maxBufferBytes: 5120 } };
        expect(faults(tight, planMemory(tight))).toEqual([]);
      }),
    );
  });

  test("takes no less than what is alive at once, and no more than separate buffers", () => {
    fc.assert(
      fc.property(programs, (request) => {
        const { peakBytes, lowerBound } = planMemory(request);
        const { buffers, conflicts } = request;
        const alive = conflicts.map((_, at) =>
          separately(buffers.filter(({ first, last }) => first <= at && at <= last)),
        );
        expect(lowerBound).toBe(Math.max(0, ...alive));
        expect(peakBytes).toBeGreaterThanOrEqual(lowerBound);
        expect(peakBytes).toBeLessThanOrEqual(separately(buffers));
      }),
    );
  });

  test("is the same for the same request", () => {
    fc.assert(
      fc.property(programs, (request) => {
        expect(planMemory(structuredClone(request))).toEqual(planMemory(request));
      }),
      { numRuns: 20 },
    );
  });

  const models: [string, Model, number][] = [
    ["2 layers", { layers: 2, rows: 1024, width: 128, fused: true }, 1.03],
    ["4 layers", { layers: 4, rows: 1024, width: 128, fused: true }, 1.02],
    ["4 layers without epilogues", { layers: 4, rows: 1024, width: 128, fused: false }, 1.02],
    ["12 layers", { layers: 12, rows: 1024, width: 128, fused: true }, 1.01],
    ["4 wide layers with few rows", { layers: 4, rows: 512, width: 512, fused: true }, 1.06],
    ["sizes that are no powers of two", { layers: 5, rows: 3 * 67, width: 77, fused: false }, 1.03],
  ];
  test.each(models)("of a training step with %s is near its lower bound", (_name, model, most) => {
    const request = trainingStep(model);
    const plan = planMemory(request);
    expect(faults(request, plan)).toEqual([]);
    expect(plan.peakBytes / plan.lowerBound).toBeLessThan(most);
    expect(separately(request.buffers) / plan.peakBytes).toBeGreaterThan(1.5);
  });

  test("of 2,000 buffers takes a fraction of a second of processor time", () => {
    const request = trainingStep({ layers: 40, rows: 1024, width: 128, fused: false });
    expect(request.buffers.length).toBeGreaterThan(1900);
    const milliseconds = [0, 1, 2].map(() => {
      const start = process.cpuUsage();
      planMemory(request);
      return process.cpuUsage(start).user / 1000;
    });
    expect(Math.min(...milliseconds)).toBeLessThan(400);
  });

  test("a chain of operations lives in two places", () => {
    const { dispatch, request } = recorder();
    let x = dispatch([], 4096);
    for (let i = 0; i < 20; i++) x = dispatch(x, 4096);
    expect(planMemory(request()).arenas).toEqual([{ bytes: 4096 }, { bytes: 4096 }]);
  });

  test("ranges that are only read, or only written, share an arena", () => {
    const { dispatch, request } = recorder();
    const reads = dispatch([], 256, 512, 1024);
    const writes = dispatch(reads, 2048, 4096);
    const { arenas, placements } = planMemory(request());
    expect(arenas).toHaveLength(2);
    expect(new Set(reads.map((b) => placements[b]!.arena)).size).toBe(1);
    expect(new Set(writes.map((b) => placements[b]!.arena)).size).toBe(1);
  });

  test("a buffer that a command reads and writes conflicts with the others, not with itself", () => {
    const { arenas } = planMemory({
      buffers: [
        { bytes: 256, first: 0, last: 0 },
        { bytes: 256, first: 0, last: 0 },
      ],
      conflicts: [{ reads: [0, 1], writes: [0] }],
      limits: roomy,
    });
    expect(arenas).toHaveLength(2);
  });

  test("of nothing is empty, and a buffer of no bytes has a place", () => {
    expect(planMemory({ buffers: [], conflicts: [], limits: roomy })).toEqual({
      arenas: [],
      placements: [],
      peakBytes: 0,
      lowerBound: 0,
    });
    const empty = { bytes: 0, first: 0, last: 0 };
    expect(planMemory({ buffers: [empty], conflicts: [], limits: roomy }).peakBytes).toBe(256);
  });

  test("splits arenas at the largest buffer of the device, and refuses what is larger", () => {
    const buffers = Array.from({ length: 5 }, () => ({ bytes: 1000, first: 0, last: 3 }));
    const plan = planMemory({ buffers, conflicts: [], limits: { maxBufferBytes: 2048 } });
    expect(plan.arenas.map(({ bytes }) => bytes)).toEqual([2048, 2048, 1024]);
    expect(() => planMemory({ buffers, conflicts: [], limits: { maxBufferBytes: 512 } })).toThrow(
      LimitError,
    );
  });

  test("aligns to what it is told", () => {
    const buffers = [100, 100].map((bytes) => ({ bytes, first: 0, last: 0 }));
    const { arenas, placements } = planMemory({
      buffers,
      conflicts: [],
      limits: roomy,
      alignment: 64,
    });
    expect(sum(arenas.map(({ bytes }) => bytes))).toBe(256);
    for (const { offset } of placements) expect(offset % 64).toBe(0);
  });
});
