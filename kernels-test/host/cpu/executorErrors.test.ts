import { describe, expect, test } from "vitest";
import { hasRelaxedSimd } from "../../../src/cpu/engineFeatures";
import type { CPUExecutor } from "../../../src/cpu/executor";
import { BufferPool } from "../../../src/device/bufferPool";
import type { BufferBinding, Program } from "../../../src/device/executor";
import { startTiming } from "../../../src/device/timing";
import * as errors from "../../../src/errors";
import { startNodeThread } from "../../../src/platform/nodeThreads";
import { param, programOf } from "./executorKernels";
import { all, open, rejection, words } from "./openExecutor";

const add = programOf("add", "read", "read_write");
const both = programOf("add", "read_write", "read_write");
const reading = programOf("add", "read", "read");

type Grid = readonly [number, number, number];

/** The error of a dispatch, which the next await throws. */
async function dispatchError(
  executor: CPUExecutor,
  program: Program,
  bindings: readonly BufferBinding[],
  { given = param(0), grid = [1, 1, 1] }: { given?: Uint8Array | null; grid?: Grid } = {},
): Promise<string> {
  executor.dispatch(program, bindings, given, grid);
  const error = await rejection(executor.drain());
  if (error === "it resolved") return error;
  expect(error).toBeInstanceOf(errors.DeviceValidationError);
  return String(error);
}

describe("what WebGPU rejects, the CPU executor rejects", () => {
  test("a buffer bound for reading and for writing, whatever the ranges", async () => {
    const executor = await open();
    const x = executor.createBuffer(512, "f32 tensor [128]");
    const halves = [
      { buffer: x, offset: 0, bytes: 256 },
      { buffer: x, offset: 256, bytes: 256 },
    ];
    expect(await dispatchError(executor, add, halves)).toMatch(
      /kernel test\/add on x=f32 tensor \[128\]\[0\+256\], y=.*bindings x and y: the same buffer/,
    );
  });

  test("two writable bindings that overlap", async () => {
    const executor = await open();
    const x = executor.createBuffer(768, "x");
    const overlapping = [
      { buffer: x, offset: 0, bytes: 512 },
      { buffer: x, offset: 256, bytes: 256 },
    ];
    expect(await dispatchError(executor, both, overlapping)).toMatch(/bindings x and y: both may/);
  });

  test("but not two apart in one buffer, nor a range read twice", async () => {
    const executor = await open();
    const x = executor.createBuffer(512, "x");
    const halves = [
      { buffer: x, offset: 0, bytes: 256 },
      { buffer: x, offset: 256, bytes: 256 },
    ];
    expect(await dispatchError(executor, both, halves)).toBe("it resolved");
    expect(await dispatchError(executor, reading, [all(x), all(x)])).toBe("it resolved");
  });

  test.each([
    ["an offset that is no multiple of 256", { offset: 4, bytes: 4 }, /offset 4 is not a multiple/],
    ["bytes that are no multiple of 4", { offset: 0, bytes: 6 }, /6 bytes are not a multiple of 4/],
    ["a range beyond the buffer", { offset: 256, bytes: 512 }, /256 to 768 go beyond .* 512/],
    ["an empty range", { offset: 0, bytes: 0 }, /binding x is empty/],
  ])("%s", async (_what, range, message) => {
    const executor = await open();
    const x = executor.createBuffer(512, "x");
    const y = executor.createBuffer(512, "y");
    expect(await dispatchError(executor, add, [{ buffer: x, ...range }, all(y)])).toMatch(message);
  });

  test("a wrong number of bindings, missing parameters, too large a grid", async () => {
    const cases: [string, number, Uint8Array | null, Grid][] = [
      ["it has 2 bindings, 1 were given", 1, param(0), [1, 1, 1]],
      ["its parameters are 16 bytes, 0 were given", 2, null, [1, 1, 1]],
      ["a grid of 1 x 65536 x 1 workgroups", 2, param(0), [1, 65_536, 1]],
    ];
    for (const [message, bindings, given, grid] of cases) {
      const executor = await open({ threads: 0 });
      const buffers = [executor.createBuffer(256, "x"), executor.createBuffer(256, "y")];
      const error = await dispatchError(executor, add, buffers.slice(0, bindings).map(all), {
        given,
        grid,
      });
      expect(error).toContain(message);
    }
  });

  test("a binding smaller than its type, found once the kernel is compiled", async () => {
    const executor = await open();
    const tiny = { ...programOf("add", "read", "read_write"), name: "test/tiny" };
    const x = executor.createBuffer(256, "x");
    const y = executor.createBuffer(256, "y");
    const small = [{ buffer: x, offset: 0, bytes: 4 }, all(y)];
    expect(await dispatchError(executor, tiny, small)).toBe("it resolved");
    const wide = programOf("wide", "read", "read_write");
    expect(await dispatchError(executor, wide, small)).toMatch(
      /kernel test\/wide.*binding x: its 4 bytes are fewer than the 16/,
    );
  });

  test("copies within a buffer, and ranges beyond it", async () => {
    for (const [from, to] of [
      [0, 0],
      [0, 1],
    ] as const) {
      const executor = await open({ threads: 0 });
      const buffers = [executor.createBuffer(512, "a"), executor.createBuffer(256, "b")];
      executor.copy(all(buffers[from]!), all(buffers[to]!));
      const error = await rejection(executor.drain());
      expect(error).toBeInstanceOf(errors.DeviceValidationError);
      expect(String(error)).toMatch(from === to ? /same buffer/ : /"a" to "b".* beyond/);
    }
  });

  test("a buffer used after it was destroyed", async () => {
    const executor = await open();
    const x = executor.createBuffer(256, "x");
    const y = executor.createBuffer(256, "y");
    executor.destroyBuffer(x);
    executor.destroyBuffer(x);
    expect(() => executor.dispatch(add, [all(x), all(y)], param(0), [1, 1, 1])).toThrow(
      /Buffer "x" was used after it was destroyed/,
    );
    expect(() => executor.write(x, 0, new Uint32Array(1))).toThrow(errors.DeviceValidationError);
    expect(() => executor.clear(all(x))).toThrow(errors.DeviceValidationError);
    expect(await rejection(executor.read([all(x)]))).toBeInstanceOf(errors.DeviceValidationError);
    expect(executor.failure).toBeNull();
  });

  test("an empty grid does nothing", async () => {
    const executor = await open();
    const y = executor.createBuffer(256, "y");
    executor.dispatch(programOf("step", "read_write"), [all(y)], param(9), [64, 0, 1]);
    expect((await words(executor, y))[0]).toEqual(new Array(64).fill(0));
  });
});

describe("memory", () => {
  test("what does not fit is refused with sizes and cure, and what was there goes on", async () => {
    const executor = await open({ memory: 64 << 20, threads: 1 });
    const y = executor.createBuffer(256, "y");
    const large = executor.createBuffer(32 << 20, "large");
    const refused = () => executor.createBuffer(32 << 20, "f32 tensor [8388608]");
    expect(refused).toThrow(errors.OutOfMemoryError);
    expect(refused).toThrow(
      /no memory for f32 tensor \[8388608\] \(33554432 bytes\): \d+ of 67108864 bytes are in use.*smaller batch/,
    );
    executor.destroyBuffer(large);
    expect(refused).not.toThrow();
    executor.dispatch(programOf("step", "read_write"), [all(y)], param(9), [64, 1, 1]);
    expect((await words(executor, y))[0]).toEqual(new Array(64).fill(9));
  });

  test("released buffers that the pool keeps make room for others", async () => {
    const pool = new BufferPool(await open({ memory: 64 << 20, threads: 1 }));
    const shelved = pool.allocate(32 << 20, "a");
    pool.release(shelved);
    expect(pool.report().pooledBytes).toBe(32 << 20);
    expect(pool.allocate(40 << 20, "b").bytes).toBe(40 << 20);
    expect(pool.report().pooledBytes).toBe(0);
    expect(() => pool.allocate(32 << 20, "c")).toThrow(errors.OutOfMemoryError);
  });

  test("a buffer beyond the limit is refused", async () => {
    const executor = await open({ limits: { maxBufferBytes: 8192 } });
    const make = () => executor.createBuffer(8193, "a buffer");
    expect(make).toThrow(errors.LimitError);
    expect(make).toThrow(/a buffer needs a buffer of 8193 bytes; this device allows 8192/);
  });

  test("commands and results go right beyond 2 GiB", async () => {
    const executor = await open({ threads: 2 });
    const low = executor.createBuffer(2 ** 31, "low");
    const x = executor.createBuffer(1 << 20, "x");
    const y = executor.createBuffer(1 << 20, "y");
    const values = Uint32Array.from({ length: 1 << 18 }, (_, i) => i);
    executor.write(x, 0, values);
    executor.dispatch(add, [all(x), all(y)], param(3), [512, 512, 1]);
    executor.copy(all(y), { buffer: low, offset: 2 ** 31 - (1 << 20), bytes: 1 << 20 });
    const tail = { buffer: low, offset: 2 ** 31 - 8, bytes: 8 };
    const [got] = await executor.read([tail]);
    expect([...new Uint32Array(got!)]).toEqual([(1 << 18) + 1, (1 << 18) + 2]);
    expect(() => executor.createBuffer(2 ** 31, "another")).toThrow(errors.OutOfMemoryError);
  });
});

describe("options", () => {
  test("the report tells the threads, the instruction set and the subgroup size", async () => {
    const { adapter, limits } = await open({ threads: 3 });
    expect(adapter).toMatchObject({
      vendor: "tilegrad",
      architecture: "wasm-simd128",
      class: "wasm",
      features: ["shader-f16", "subgroups", "timestamp-query"],
      subgroupMinSize: 4,
      subgroupMaxSize: 4,
    });
    expect(adapter.description).toContain("3 threads");
    expect(limits.maxBufferBytes).toBe(2 ** 31);
    expect((await open({ threads: 0 })).adapter.description).toContain("on the calling thread");
  });

  test.each([-1, 1.5, Number.NaN])("threads: %s is refused", async (threads) => {
    expect(await rejection(open({ threads }))).toBeInstanceOf(errors.ArgumentError);
  });

  test("relaxed SIMD is used where the engine has it, else refused with the cure", async () => {
    if (hasRelaxedSimd()) {
      const { adapter } = await open({ relaxedSimd: true });
      expect(adapter.architecture).toBe("wasm-relaxed-simd");
    } else {
      const error = await rejection(open({ relaxedSimd: true }));
      expect(error).toBeInstanceOf(errors.AdapterError);
      expect(String(error)).toMatch(/no relaxed SIMD. Use Node/);
    }
  });

  test("timings do not need the feature timestamp-query: the threads have clocks", async () => {
    const executor = await open({ withoutFeatures: ["timestamp-query"] });
    const y = executor.createBuffer(256, "y");
    const stop = startTiming(executor);
    executor.dispatch(programOf("step", "read_write"), [all(y)], param(9), [64, 1, 1]);
    expect(await stop()).toMatchObject([{ name: "test/step", start: 0 }]);
    expect(executor.adapter.features).toEqual(["shader-f16", "subgroups"]);
  });
});

describe("platforms", () => {
  const step = programOf("step", "read_write");
  const runs = async (executor: CPUExecutor): Promise<number> => {
    const y = executor.createBuffer(4096, "y");
    for (let i = 0; i < 100; i++) executor.dispatch(step, [all(y)], param(2), [1024, 1, 1]);
    const values = (await words(executor, y))[0]!;
    expect(new Set(values).size).toBe(1);
    return values[0]!;
  };

  test("results are the same without shared memory, without threads, and with threads that fail", async () => {
    const results = [
      await runs(await open({ threads: 2 })),
      await runs(await open({ platform: { sharesMemory: () => false } })),
      await runs(await open({ platform: { startThread: () => null } })),
      await runs(
        await open({
          platform: {
            startThread(_code, events) {
              setTimeout(() => events.failed("forbidden by a policy"), 5);
              return { post: () => {}, keepAlive: () => {}, terminate: async () => {} };
            },
          },
        }),
      ),
    ];
    expect(new Set(results).size).toBe(1);
    expect(results[0]).toBe(Number(BigInt.asUintN(32, 3n ** 100n - 1n)));
  });

  test("memory that is not shared grows while commands are under way", async () => {
    const executor = await open({ platform: { sharesMemory: () => false } });
    const y = executor.createBuffer(256, "y");
    const slow = programOf("slow", "read_write");
    for (let i = 0; i < 40; i++) {
      executor.dispatch(slow, [all(y)], param(200_000 + i), [64, 1, 1]);
      executor.flush();
      executor.createBuffer(20 << 20, `large ${i}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect((await words(executor, y))[0]).toEqual(new Array(64).fill(200_039));
  });

  test("a thread that dies at work becomes a DeviceLostError", async () => {
    let die = (_reason: string) => {};
    const executor = await open({
      threads: 1,
      platform: {
        startThread(code, events) {
          die = events.failed;
          return startNodeThread(code, events);
        },
      },
    });
    await runs(executor);
    die("out of memory");
    const error = await rejection(executor.drain());
    expect(error).toBeInstanceOf(errors.DeviceLostError);
    expect(String(error)).toMatch(/thread of the CPU executor was lost \(out of memory\)/);
  });

  test("the calling thread is not held for long", async () => {
    const executor = await open({ threads: 0 });
    const y = executor.createBuffer(256, "y");
    const slow = programOf("slow", "read_write");
    for (let i = 0; i < 60; i++) executor.dispatch(slow, [all(y)], param(300_000), [64, 1, 1]);
    let ended = false;
    const done = executor.drain().then(() => {
      ended = true;
    });
    let longest = 0;
    let since = performance.now();
    while (!ended) {
      await new Promise((resolve) => setImmediate(resolve));
      longest = Math.max(longest, performance.now() - since);
      since = performance.now();
    }
    await done;
    expect(longest).toBeLessThan(200);
  });
});
