import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, DisposedError, IndexError, TilegradError } from "../../src/errors";
import {
  autocast,
  type Compiled,
  checkpoint,
  compile,
  grad,
  init,
  keep,
  manualSeed,
  memory,
  nn,
  optim,
  random,
  scope,
  type Tensor,
  tensor,
  vmap,
} from "../../src/node";

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

const open: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0).reverse()) thing.dispose();
});
function opened<T extends { dispose(): void }>(thing: T): T {
  open.push(thing);
  return thing;
}

const list = async (t: Tensor): Promise<number[]> => Array.from(await t.data());

describe("a compiled function", () => {
  test("is traced once for all calls with the same shapes, whatever the elements", async () => {
    let traced = 0;
    const f = opened(
      compile((x: Tensor, y: Tensor) => {
        traced++;
        return x.mul(2).add(y).relu();
      }),
    );
    for (const k of [1, -3, 5]) {
      const y = f(tensor([k, 2]), tensor([1, -9]));
      expect(await list(y)).toEqual([Math.max(2 * k + 1, 0), 0]);
    }
    expect(traced).toBe(1);
    expect(f.plans).toHaveLength(1);
    expect(f.plans[0]!.reason).toBe("first call");
  });

  test("is traced again for other shapes, types and values, and says what changed", () => {
    const lines: string[] = [];
    const f = opened(
      compile(
        (x: Tensor, { scale, act }: { scale: number; act: string }) => x.mul(scale).add(act.length),
        {
          name: "scaled",
          log: (line) => lines.push(line),
        },
      ),
    );
    f(tensor([1, 2]), { scale: 2, act: "relu" });
    f(tensor([1, 2, 3]), { scale: 2, act: "relu" });
    f(tensor([1, 2, 3]), { scale: 3, act: "relu" });
    f(tensor([1, 2, 3], { dtype: "i32" }), { scale: 3, act: "relu" });
    f(tensor([1, 2]), { scale: 2, act: "relu" });
    const reasons = f.plans.map(({ reason }) => reason);
    expect(reasons.sort()).toEqual([
      "argument 0 is f32 [3] instead of f32 [2]",
      "argument 0 is i32 [3] instead of f32 [3]",
      "argument 1.scale is 3 instead of 2",
      "first call",
    ]);
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(
      /^compile scaled: argument 0 is f32 \[3\] instead of f32 \[2\]\. \d+ operations in \d+ dispatch/,
    );
    expect(lines[0]).toMatch(/at most 0\.0 MiB of intermediate values/);
  });

  test("keeps the plans used last, up to maxPlans", () => {
    const f = opened(compile((x: Tensor) => x.add(1), { maxPlans: 2 }));
    for (const n of [1, 2, 3]) f(tensor(new Float32Array(n)));
    expect(f.plans).toHaveLength(2);
    f(tensor(new Float32Array(2)));
    expect(f.plans).toHaveLength(2);
    f(tensor(new Float32Array(1)));
    expect(f.plans[0]!.reason).toBe("argument 0 is f32 [1] instead of f32 [2]");
  });

  test("takes strided arguments, host tensors, trees, and gives trees back", async () => {
    const f = opened(
      compile(({ a, rest }: { a: Tensor; rest: Tensor[] }) => ({
        sum: rest.reduce((s, t) => s.add(t), a),
        parts: [a.transpose(0, 1), "text", 7, null],
      })),
    );
    const m = tensor([
      [1, 2],
      [3, 4],
    ]);
    const { sum, parts } = f({ a: m.transpose(0, 1), rest: [m, m] });
    expect(await sum.toArray()).toEqual([
      [3, 7],
      [8, 12],
    ]);
    expect(await (parts[0] as Tensor).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(parts.slice(1)).toEqual(["text", 7, null]);
    const g = opened(compile((x: Tensor) => x.mul(3)));
    const host = { values: Float32Array.of(1, 2), shape: [2] } as unknown as Tensor;
    expect(await list(g(host))).toEqual([3, 6]);
  });

  test("returns arguments, captured tensors and constants as they are", async () => {
    const w = opened(tensor([5, 6]));
    const f = opened(compile((x: Tensor) => [x, w, tensor([7]), x] as const));
    const x = opened(tensor([1, 2]));
    const results = f(x);
    expect(await Promise.all(results.map(list))).toEqual([[1, 2], [5, 6], [7], [1, 2]]);
    for (const t of results) t.dispose();
    expect(await list(x)).toEqual([1, 2]);
    const again = f(x);
    expect(await list(again[2])).toEqual([7]);
  });

  test("reads captured tensors anew at each call, and follows one that moves to other memory", async () => {
    const weight = new nn.Parameter(tensor([1, 2]) as never);
    opened(weight);
    const f = opened(compile((x: Tensor) => weight.mul(x)));
    const x = opened(tensor([10, 10]));
    expect(await list(f(x))).toEqual([10, 20]);
    weight.assign({ values: [3, 4], shape: [2] });
    expect(await list(f(x))).toEqual([30, 40]);
    const optimizer = opened(optim.sgd([["w", weight]], { lr: 1 }));
    expect(await list(f(x))).toEqual([30, 40]);
    expect(f.plans[0]!.reason).toMatch(/moved to other memory/);
    optimizer.step([tensor([1, 1])]);
    expect(await list(f(x))).toEqual([20, 30]);
    expect(f.plans).toHaveLength(1);
  });

  test("is traced again when a module it ran is switched between train and eval", async () => {
    const drop = new nn.Dropout(0.5);
    const f = opened(compile((x: Tensor) => drop.forward(x)));
    const x = opened(tensor(new Float32Array(64).fill(1)));
    expect(await list(f(x))).toContain(0);
    drop.eval();
    expect(await list(f(x))).not.toContain(0);
    expect(f.plans[0]!.reason).toBe("Dropout.training is false instead of true");
  });

  test("draws other numbers at each call, and the same from the same key", async () => {
    manualSeed(4);
    const drop = new nn.Dropout(0.5);
    const noise = opened(compile((x: Tensor) => drop.forward(x)));
    const x = opened(tensor(new Float32Array(256).fill(1)));
    const [a, b] = [await list(noise(x)), await list(noise(x))];
    expect(a).not.toEqual(b);
    manualSeed(4);
    expect(await list(noise(x))).toEqual(a);
    const keyed = opened(compile((key: Tensor) => random.normal(key, [8])));
    expect(await list(keyed(random.key(3)))).toEqual(await list(random.normal(random.key(3), [8])));
    expect(await list(keyed(random.key(5)))).toEqual(await list(random.normal(random.key(5), [8])));
  });

  test("keeps running statistics of batch normalisation as uncompiled code does", async () => {
    const run = async (compiling: boolean): Promise<number[][]> => {
      const norm = opened(new nn.BatchNorm1d(3));
      const f = (x: Tensor): Tensor => norm.forward(x);
      const forward = compiling ? opened(compile(f)) : f;
      const results: number[][] = [];
      for (const k of [1, 2, 3]) {
        const values = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i * k));
        results.push(await list(forward(tensor(values, { shape: [4, 3] }))));
      }
      for (const [, buffer] of norm.namedBuffers()) results.push(await list(buffer));
      return results;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test("takes over donated arguments", async () => {
    const f = opened(compile((x: Tensor, g: Tensor) => x.sub(g.mul(0.5)), { donate: [0] }));
    let x = tensor(new Float32Array(1024).fill(4));
    const g = opened(tensor(new Float32Array(1024).fill(2)));
    x = f(x, g);
    const { buffer } = (x as unknown as { storage: { buffer: unknown } }).storage;
    for (let i = 0; i < 3; i++) {
      const before = x;
      x = f(x, g);
      expect(before.disposed).toBe(true);
      expect((x as unknown as { storage: { buffer: unknown } }).storage.buffer).toBe(buffer);
    }
    expect((await list(x))[1023]).toBe(0);
    const other = opened(x.alias());
    const y = opened(f(x, g));
    expect((await list(other))[0]).toBe(0);
    expect((await list(y))[0]).toBe(-1);
  });

  test("computes what is not needed by anyone, or twice, not at all, or once", () => {
    const f = opened(
      compile((x: Tensor) => {
        x.exp().matmul(x);
        const a = x.matmul(x).sum();
        const b = x.matmul(x).sum();
        return a.add(b);
      }),
    );
    f(tensor([[1]]));
    f(tensor(new Float32Array(64 * 64), { shape: [64, 64] }));
    expect(f.plans[0]!.dispatches).toBeLessThanOrEqual(4);
  });

  test("computes again inside checkpoint, and gives the same bits", async () => {
    const block = (x: Tensor): Tensor => x.matmul(x).tanh().matmul(x).tanh();
    const values = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i));
    const x = opened(tensor(values, { shape: [16, 16] }));
    const plain = opened(compile((t: Tensor) => grad((u: Tensor) => block(block(u)).sum())(t)));
    const less = opened(
      compile((t: Tensor) => grad((u: Tensor) => checkpoint(block)(checkpoint(block)(u)).sum())(t)),
    );
    expect(await list(less(x))).toEqual(await list(plain(x)));
    expect(less.plans[0]!.dispatches).toBeGreaterThan(plain.plans[0]!.dispatches);
  });

  test("runs as it is inside a transform and inside another compiled function", async () => {
    const square = opened(compile((x: Tensor) => x.mul(x)));
    const x = opened(tensor([1, 2, 3]));
    expect(await list(grad((t: Tensor) => square(t).sum())(x))).toEqual([2, 4, 6]);
    expect(await list(vmap(square)(x))).toEqual([1, 4, 9]);
    expect(square.plans).toHaveLength(0);
    const outer = opened(compile((t: Tensor) => square(t).add(1)));
    expect(await list(outer(x))).toEqual([2, 5, 10]);
    expect(square.plans).toHaveLength(0);
  });

  test("goes by the autocast it is called in", async () => {
    const f = opened(compile((x: Tensor) => x.matmul(x)));
    const x = opened(tensor([[1 + 2 ** -12]]));
    const whole = await list(f(x));
    const rounded = await list(autocast(() => f(x), { dtype: "bf16" }));
    expect(rounded).toEqual([1]);
    expect(await list(f(x))).toEqual(whole);
    expect(f.plans).toHaveLength(2);
  });

  test("reports an index out of range as uncompiled code does", async () => {
    const f = opened(compile((t: Tensor, i: Tensor) => t.indexSelect(0, i)));
    const table = opened(tensor([1, 2, 3]));
    expect(await list(f(table, tensor([2], { dtype: "i32" })))).toEqual([3]);
    await expect(f(table, tensor([9], { dtype: "i32" })).data()).rejects.toThrow(IndexError);
  });

  test("shows the kernels it runs, also those it generated, as WGSL", () => {
    const f = opened(compile((x: Tensor) => x.mul(2).add(1).tanh()));
    f(tensor([1, 2]));
    const [kernel, ...others] = f.plans[0]!.kernels;
    expect(others).toEqual([]);
    expect(kernel).toMatchObject({ dispatches: 1, name: expect.stringMatching(/^fused\//) });
    expect(kernel!.wgsl).toMatch(/op_mul[\s\S]*op_add[\s\S]*op_tanh/);
  });

  test("keeps within a memory budget by computing again, with the same bits", async () => {
    const fn = (x: Tensor): Tensor => {
      const layer = (t: Tensor): Tensor => t.matmul(x).mul(0.1).tanh().exp();
      return grad((u: Tensor) => [1, 2, 3, 4, 5, 6].reduce((t) => layer(t), u).sum())(x);
    };
    const values = Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i) / 8);
    const x = opened(tensor(values, { shape: [64, 64] }));
    const free = opened(compile(fn));
    const expected = await list(free(x));
    const [{ arenaBytes }] = free.plans as [(typeof free.plans)[0]];
    const lines: string[] = [];
    const tight = opened(
      compile(fn, { memoryBudget: 0.6 * arenaBytes, log: (line) => lines.push(line) }),
    );
    expect(await list(tight(x))).toEqual(expected);
    expect(tight.plans[0]!.recomputed).toBeGreaterThan(0);
    expect(tight.plans[0]!.arenaBytes).toBeLessThan(arenaBytes);
    expect(lines[0]).toMatch(/operations are computed again \(.* % more work\) to keep within/);
    const impossible = opened(compile(fn, { memoryBudget: 1, log: (line) => lines.push(line) }));
    expect(await list(impossible(x))).toEqual(expected);
    expect(lines[1]).toMatch(/nothing more can be: raise the budget or lower the batch/);
  });

  test("leaves nothing behind: memory is the same after 3 and after 300 calls", async () => {
    const f = opened(compile((x: Tensor) => grad((t: Tensor) => t.matmul(t).tanh().sum())(x)));
    const x = opened(tensor(new Float32Array(4096).fill(0.1), { shape: [64, 64] }));
    const after = async (count: number) => {
      for (let i = 0; i < count; i++) scope(() => void f(x));
      await device.synchronize();
      const { liveBytes, liveBuffers, pooledBytes } = memory(device);
      return { liveBytes, liveBuffers, pooledBytes };
    };
    const few = await after(3);
    expect(await after(300)).toEqual(few);
  });

  test("shares its arenas with other compiled functions, and gives them back", async () => {
    await device.synchronize();
    const before = memory(device).byCategory.plan;
    const make = () => compile((x: Tensor) => x.matmul(x).tanh().matmul(x).sum());
    const x = opened(tensor(new Float32Array(4096).fill(0.1), { shape: [64, 64] }));
    const [f, g] = [make(), make()];
    f(x).dispose();
    const one = memory(device).byCategory.plan;
    expect(one - before).toBe(f.plans[0]!.arenaBytes);
    g(x).dispose();
    expect(memory(device).byCategory.plan).toBe(one);
    f.dispose();
    expect(await list(g(x))).toEqual(await list(g(x)));
    g.dispose();
    expect(memory(device).byCategory.plan).toBe(before);
  });

  test("compiles its kernels ahead in warmup, without running", async () => {
    const f = opened(compile((x: Tensor) => x.matmul(x).asinh().sum({ dim: 0 })));
    const x = opened(tensor(new Float32Array(35 * 35), { shape: [35, 35] }));
    const seen: [number, number][] = [];
    const before = device.executor.counters.dispatches;
    const report = await f.warmup([x], {
      onProgress: ({ compiled, total }) => seen.push([compiled, total]),
    });
    expect(device.executor.counters.dispatches).toBe(before);
    expect(report.programs).toBeGreaterThan(0);
    for (const [compiled, total] of seen) expect(compiled).toBeLessThanOrEqual(total);
    f(x);
    expect(f.plans).toHaveLength(1);
  });

  test("is made again after dispose", async () => {
    const f = opened(compile((x: Tensor) => x.add(1)));
    const x = opened(tensor([1]));
    const kept = opened(keep(f(x)));
    f.dispose();
    expect(await list(kept)).toEqual([2]);
    expect(await list(f(x))).toEqual([2]);
    expect(f.plans[0]!.reason).toBe("first call");
  });
});

describe("compile refuses", () => {
  const x = () => tensor([1, 2]);

  test("what is no function, and options it does not know", () => {
    expect(() => compile(3 as never)).toThrow(ArgumentError);
    expect(() => compile(x, { dontate: [0] } as never)).toThrow(/no option dontate; it takes name/);
  });

  test("async functions, reading inside, and values kept from an earlier call", () => {
    const waits = compile((async (t: Tensor) => t) as never) as unknown as Compiled<
      [Tensor],
      Tensor
    >;
    expect(() => waits(x())).toThrow(/compile\(fn\): a function is async/);
    const reads = compile((t: Tensor) => void t.data());
    expect(() => reads(x())).toThrow(TilegradError);
    let kept: Tensor | null = null;
    const keeps = compile((t: Tensor) => {
      const sum = kept ? t.add(kept) : t.add(1);
      kept = sum;
      return sum;
    });
    keeps(x());
    expect(() => keeps(tensor([1]))).toThrow(/an earlier call of the function/);
  });

  test("a disposed argument, and passes on what the function throws", () => {
    const f = compile((t: Tensor) => t.reshape([3]));
    expect(() => f(x())).toThrow(/reshape/);
    const gone = x();
    gone.dispose();
    expect(() => f(gone)).toThrow(DisposedError);
    f.dispose();
  });
});
