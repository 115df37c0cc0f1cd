/**
 * What a compiled function must not get wrong: memory that several tensors share, tensors that are assigned to,
 * replaced or disposed between calls, and calls that fail half way.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, DeviceLostError, DisposedError, OutOfMemoryError } from "../../src/errors";
import {
  autocast,
  type Compiled,
  compile,
  init,
  keep,
  memory,
  nn,
  optim,
  scope,
  type Tensor,
  tensor,
} from "../../src/node";

// What a plan gets wrong may end the device.
let device: Device;
beforeEach(async () => {
  device = await init();
});
afterEach(() => device.destroy());

const list = async (t: Tensor): Promise<number[]> => Array.from(await t.data());
const first = async (t: Tensor): Promise<number> => (await t.data())[0]!;
const filled = (value: number): Tensor => tensor(new Float32Array(1024).fill(value));
const parameter = (value: number): nn.Parameter => new nn.Parameter(filled(value) as never);

/** Fails every allocation of more than `most` bytes until the returned function is called. */
function shortOfMemory(most: number): () => void {
  const { executor } = device;
  const create = executor.createBuffer.bind(executor);
  executor.createBuffer = (bytes, label) => {
    if (bytes > most) throw new OutOfMemoryError(`no ${bytes} bytes for ${label}`);
    return create(bytes, label);
  };
  return () => {
    executor.createBuffer = create;
  };
}

describe("arguments of a compiled function", () => {
  test("are as they were at the call, also where the function assigns to one of them", async () => {
    const p = parameter(1);
    const f = compile((w: Tensor, g: Tensor) => {
      p.assign(w.sub(g));
      return w.mul(2);
    });
    const result = f(p, filled(0.5));
    expect(await first(p)).toBe(0.5);
    expect(await first(result)).toBe(2);
  });

  test("may lie in one buffer with what the function assigns to", async () => {
    const [p, q] = [parameter(1), parameter(2)];
    optim.sgd(
      [
        ["p", p],
        ["q", q],
      ],
      { lr: 1 },
    );
    const f = compile((w: Tensor) => {
      p.assign(w.sub(1));
      return w.mul(2);
    });
    const result = f(q);
    expect(await first(p)).toBe(1);
    expect(await first(result)).toBe(4);
  });

  test("may be one tensor twice, of which one is donated, or both", async () => {
    for (const donate of [[0], [1], [0, 1]]) {
      const f = compile(
        (x: Tensor, y: Tensor) => {
          const sum = x.cumsum(0);
          return [sum, y.sub(sum).cumsum(0)] as const;
        },
        { donate },
      );
      const plain = (x: Tensor) => x.sub(x.cumsum(0)).cumsum(0);
      const x = filled(0.5);
      const expected = [await list(x.cumsum(0)), await list(plain(x))];
      expect(await Promise.all(f(x, x).map(list))).toEqual(expected);
      expect(x.disposed).toBe(true);
      f.dispose();
    }
  });

  test("may be objects without a prototype", async () => {
    const f = compile((o: { a: Tensor }, y: Tensor) => o.a.sub(y));
    const o = Object.assign(Object.create(null), { a: tensor([5]) }) as { a: Tensor };
    expect(await list(f(o, tensor([1])))).toEqual([4]);
    const host = Object.assign(Object.create(null), {
      a: { values: Float32Array.of(7), shape: [1] },
    }) as { a: Tensor };
    expect(await list(f(host, tensor([1])))).toEqual([6]);
    expect(f.plans).toHaveLength(1);
  });

  test("tell a list from a text that reads like one, and objects by their keys", async () => {
    const f = compile((o: unknown, y: Tensor) => y.add(Array.isArray(o) ? 1 : 2));
    expect(await list(f([], tensor([1])))).toEqual([2]);
    expect(await list(f("a list of 0", tensor([1])))).toEqual([3]);
    const g = compile((o: object, y: Tensor) => y.add("a" in o ? 1 : 2));
    expect(await list(g({ a: {} }, tensor([1])))).toEqual([2]);
    expect(await list(g({}, tensor([1])))).toEqual([3]);
    expect(g.plans[0]!.reason).toBe('argument 0 is an object of [] instead of an object of ["a"]');
  });

  test("are compared by their elements where they are typed arrays", async () => {
    const values = Float32Array.of(1);
    const f = compile((x: Tensor, w: Float32Array) => x.mul(tensor(w)));
    expect(await list(f(tensor([2]), values))).toEqual([2]);
    expect(await list(f(tensor([2]), Float32Array.of(1)))).toEqual([2]);
    expect(f.plans).toHaveLength(1);
    values[0] = 5;
    expect(await list(f(tensor([2]), values))).toEqual([10]);
    expect(f.plans[0]!.reason).toBe("argument 1 is another Float32Array");
  });

  test("are refused where they are values of an earlier call", () => {
    let kept: Tensor | null = null;
    const f = compile(
      (x: Tensor) => {
        kept = x;
        return x.add(1);
      },
      { name: "keeper" },
    );
    f(tensor([1]));
    expect(() => f(kept!)).toThrow(ArgumentError);
    expect(() => f(kept!)).toThrow(/^keeper: an argument of shape \[1\] is a value of a transform/);
  });
});

describe("tensors from outside that a compiled function uses", () => {
  test("are followed where they are only assigned to", async () => {
    const p = parameter(1);
    const f = compile((x: Tensor) => void p.assign(x.mul(2)));
    f(filled(1));
    const optimizer = optim.sgd([["p", p]], { lr: 1 });
    f(filled(5));
    expect(await first(p)).toBe(10);
    optimizer.dispose();
    p.dispose();
    expect(() => f(filled(6))).toThrow(DisposedError);
  });

  test("may be disposed and replaced", async () => {
    let w = tensor([3]);
    const f = compile((x: Tensor) => x.mul(w));
    expect(await list(f(tensor([2])))).toEqual([6]);
    w.dispose();
    expect(() => f(tensor([2]))).toThrow(DisposedError);
    w = tensor([4]);
    expect(await list(f(tensor([2])))).toEqual([8]);
    w.dispose();
    w = tensor([5]);
    expect(await list(f(tensor([2])))).toEqual([10]);
    expect(f.plans).toHaveLength(1);
    expect(f.plans[0]!.reason).toBe("a tensor that the function uses was disposed");
  });

  test("may be looked at through handles that the function disposes", async () => {
    const w = tensor([3]);
    let traced = 0;
    const f = compile((x: Tensor) => {
      traced++;
      using view = w.alias();
      return x.mul(view);
    });
    for (const k of [1, 2, 3]) expect(await list(f(tensor([k])))).toEqual([3 * k]);
    expect(traced).toBe(1);
  });

  test("stay known when their neighbours in memory move", () => {
    const [p, q] = [parameter(1), parameter(2)];
    optim
      .sgd(
        [
          ["p", p],
          ["q", q],
        ],
        { lr: 1 },
      )
      .dispose();
    optim.sgd([["p", p]], { lr: 1 });
    let traced = 0;
    const f = compile((x: Tensor) => {
      traced++;
      return x.mul(q).add(p);
    });
    for (let i = 0; i < 3; i++) f(filled(1));
    expect(traced).toBe(1);
  });

  test("may be made by the function and assigned to later", async () => {
    let state: nn.Buffer | null = null;
    const f = compile((x: Tensor) => {
      state ??= nn.Buffer.of([1], [1]);
      return x.add(state.mul(2));
    });
    expect(await list(f(tensor([1])))).toEqual([3]);
    state!.assign(tensor([5]));
    expect(await list(f(tensor([1])))).toEqual([11]);
  });

  test("are assigned to in the order of the assignments, within one buffer too", async () => {
    for (const together of [false, true]) {
      const [a, b] = [parameter(1), parameter(2)];
      if (together)
        optim.sgd(
          [
            ["a", a],
            ["b", b],
          ],
          { lr: 1 },
        );
      const swap = compile(() => {
        const before = a.add(0);
        a.assign(b);
        b.assign(before);
      });
      swap();
      expect([await first(a), await first(b)]).toEqual([2, 1]);
      const twice = compile(() => {
        a.assign(a);
        a.assign(b);
        b.assign(a.mul(3));
        a.assign(b);
      });
      twice();
      expect([await first(a), await first(b)]).toEqual([3, 3]);
    }
  });

  test("are not changed by who takes over a result", async () => {
    const f = compile((x: Tensor) => [tensor([1, 2, 3]), x.mul(2), x.mul(2)] as const);
    const [constant, a, b] = f(tensor([1]));
    const [p, q] = [new nn.Parameter(constant as never), new nn.Parameter(a as never)];
    p.assign(tensor([7, 7, 7]));
    q.assign(tensor([9]));
    expect(await list(b)).toEqual([2]);
    expect(await list(f(tensor([1]))[0])).toEqual([1, 2, 3]);
  });
});

describe("a compiled function that fails", () => {
  const fn = (x: Tensor): Tensor => x.matmul(x).tanh().matmul(x);
  const square = (): Tensor => tensor(new Float32Array(16384).fill(0.01), { shape: [128, 128] });

  test("for want of memory leaves nothing behind, and succeeds when there is some", async () => {
    const x = square();
    const expected = await list(scope(() => fn(x)));
    const other = compile((t: Tensor) => t.sum({ dim: 0 }).exp().sum());
    const before = await list(other(x));
    const f = compile((t: Tensor) => [fn(t), fn(t.add(1))] as const);
    for (const most of [0, 32768]) {
      device.pool.trim();
      const { tensor: bytes } = memory(device).byCategory;
      const restore = shortOfMemory(most);
      expect(() => f(x)).toThrow(OutOfMemoryError);
      restore();
      expect(memory(device).byCategory.tensor).toBe(bytes);
    }
    expect(await list(f(x)[0])).toEqual(expected);
    expect(await list(other(x))).toEqual(before);
    f.dispose();
    other.dispose();
    expect(memory(device).byCategory.plan).toBe(0);
  });

  test("while it is traced leaves no tensor behind, and can be called again", async () => {
    let fails = true;
    const w = tensor([1, 2]);
    const f = compile((x: Tensor) => {
      const made = keep(tensor([1, 1]));
      const y = x.mul(w).add(made);
      made.dispose();
      if (fails) throw new Error("half way");
      return y;
    });
    const x = tensor([1, 1]);
    const { liveBytes } = memory(device);
    expect(() => f(x)).toThrow("half way");
    expect(memory(device).liveBytes).toBe(liveBytes);
    expect(await list(x.add(1))).toEqual([2, 2]);
    fails = false;
    expect(await list(f(x))).toEqual([2, 3]);
  });

  test("in the receiver of its messages is planned again", async () => {
    let fails = true;
    const log = (): void => {
      if (fails) throw new Error("full disk");
    };
    const f = compile((x: Tensor) => x.add(1), { log });
    expect(() => f(tensor([1]))).toThrow("full disk");
    fails = false;
    expect(await list(f(tensor([1])))).toEqual([2]);
  });
});

describe("compile", () => {
  test("names autocast where it is why a function is traced again, and knows it the next time", () => {
    const f = compile((x: Tensor) => x.matmul(x));
    const x = tensor([[1]]);
    f(x);
    for (let i = 0; i < 3; i++) autocast(() => f(x));
    expect(f.plans).toHaveLength(2);
    expect(f.plans[0]!.reason).toBe('autocast is "bf16" instead of null');
  });

  test("refuses a number of plans or a position that cannot be", () => {
    const f = (x: Tensor) => x;
    for (const maxPlans of [0, -1, 1.5, Number.NaN])
      expect(() => compile(f, { maxPlans })).toThrow(/maxPlans is .* a whole number from 1 on/);
    expect(() => compile(f, { donate: [-1] })).toThrow(/donate has -1; it takes positions/);
  });
});

describe("a parameter", () => {
  test("is assigned from itself and from a neighbour in the optimizer's arena", async () => {
    const [p, q] = [parameter(1), parameter(2)];
    p.assign(p);
    expect(await first(p)).toBe(1);
    optim.sgd(
      [
        ["p", p],
        ["q", q],
      ],
      { lr: 1 },
    );
    p.assign(q);
    expect(await first(p)).toBe(2);
  });

  test("has memory of its own, row-major, whatever it was made of", async () => {
    const base = tensor([
      [1, 2],
      [3, 4],
    ]);
    const [turned, same] = [
      new nn.Parameter(base.transpose(0, 1) as never),
      new nn.Parameter(base.alias() as never),
    ];
    turned.assign({ values: [5, 6, 7, 8], shape: [2, 2] });
    expect(await list(turned)).toEqual([5, 6, 7, 8]);
    same.assign({ values: [0, 0, 0, 0], shape: [2, 2] });
    expect(await list(base)).toEqual([1, 2, 3, 4]);
  });
});

test("a result that has the elements of a parameter is no view of it", async () => {
  const snapshots = [
    (x: Tensor) => x.mul(1),
    (x: Tensor) => x.mul(1).reshape([2, 512]),
    (x: Tensor) => x.reshape([2, 512]).mul(1).contiguous(),
    (x: Tensor) => x.narrow(0, 0, 512).mul(1),
  ];
  for (const snapshot of snapshots) {
    const p = parameter(1);
    const [captured, given] = [compile(() => snapshot(p)), compile(snapshot)];
    const before = [captured(), given(p)] as const;
    p.assign(filled(2));
    for (const t of before) expect(await first(t)).toBe(1);
    const advance = compile(() => {
      const old = snapshot(p);
      p.assign(p.mul(2));
      return old;
    });
    expect(await first(advance())).toBe(2);
    expect(await first(p)).toBe(4);
  }
});

test("a kernel may round to f16 in between where all it binds is f32", async () => {
  const fn = (x: Tensor) => nn.functional.layerNorm(x, [8]).to("f16").to("f32").exp();
  const x = tensor(
    Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
    { shape: [8, 8] },
  );
  const f = compile(fn);
  if (!device.executor.adapter.features.includes("shader-f16")) {
    expect(() => f(x)).toThrow(/shader-f16/);
    return;
  }
  const expected = await list(fn(x));
  // Both round to f16 first: what a driver contracts before may move an element to the f16 next to it.
  (await list(f(x))).forEach((value, i) => {
    expect(Math.abs(value / expected[i]! - 1)).toBeLessThan(
      device.executor.kind === "cpu" ? 1e-9 : 4e-3,
    );
  });
});

describe("a compiled function on devices that come and go", () => {
  const fn = (x: Tensor): Tensor => x.matmul(x).tanh().cumsum(0).exp();
  const on = (of: Device): Tensor =>
    tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device: of },
    );

  test("runs on the next one after one was lost or destroyed", async () => {
    const f = compile(fn);
    const expected = await list(f(on(device)));
    const x = on(device);
    device.executor.lose();
    // WebGPU tells it later than the CPU executor.
    await expect((async () => list(f(x)))()).rejects.toThrow(DeviceLostError);
    device = await init();
    expect(await list(f(on(device)))).toEqual(expected);
    await device.destroy();
    device = await init();
    expect(await list(f(on(device)))).toEqual(expected);
    f.dispose();
    expect(memory(device).byCategory.plan).toBe(0);
  });

  test("has a plan for each of two", async () => {
    const other = await init({ makeCurrent: false });
    const f = compile(fn);
    const [ours, theirs] = [f(on(device)), f(on(other))];
    expect(await list(theirs)).toEqual(await list(ours));
    expect(await list(f(on(device)))).toEqual(await list(ours));
    expect(f.plans).toHaveLength(2);
    expect(f.plans.map(({ reason }) => reason)).toContain("the arguments live on another device");
    const g = compile((x: Tensor, y: Tensor) => x.add(y));
    const host = { values: Float32Array.of(1, 2), shape: [2] } as unknown as Tensor;
    expect(await list(g(on(other), host))).toEqual([2, 4, 4, 6]);
    await other.destroy();
    f.dispose();
  });
});

describe("a compiled function that meets itself or others", () => {
  test("may call itself", async () => {
    const factorial: Compiled<[Tensor, number], Tensor> = compile((x: Tensor, n: number) =>
      n <= 0 ? x : factorial(x.mul(n), n - 1),
    );
    expect(await list(factorial(tensor([1]), 4))).toEqual([24]);
  });

  test("may be disposed while it is traced and planned", async () => {
    const f: Compiled<[Tensor], Tensor> = compile(
      (x: Tensor) => {
        f.dispose();
        return x.cumsum(0).cumsum(0).cumsum(0);
      },
      { log: () => f.dispose() },
    );
    for (let i = 0; i < 2; i++) expect(await list(f(tensor([1, 1])))).toEqual([1, 4]);
    f.dispose();
    expect(memory(device).byCategory.plan).toBe(0);
  });

  test("keeps its results while a larger one takes the memory they were computed in", async () => {
    const make = () => compile((x: Tensor) => x.cumsum(0).sin().cumsum(0).cos().cumsum(0));
    const [small, large] = [make(), make()];
    const [few, many] = [tensor([0.5, 0.25]), tensor(new Float32Array(5000).fill(0.001))];
    const expected = [await list(small(few)), await list(large(many))];
    const results = [small(few), large(many), small(few), large(many)];
    large.dispose();
    results.push(small(few));
    const [a, b] = expected;
    expect(await Promise.all(results.map(list))).toEqual([a, b, a, b, a]);
  });
});
