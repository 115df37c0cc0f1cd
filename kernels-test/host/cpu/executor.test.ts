import { describe, expect, test } from "vitest";
import type { DeviceBuffer } from "../../../src/device/executor";
import { startTiming } from "../../../src/device/timing";
import * as errors from "../../../src/errors";
import { startNodeThread } from "../../../src/platform/nodeThreads";
import type { ThreadCode } from "../../../src/platform/platform";
import { param, programOf } from "./executorKernels";
import { all, open, rejection, words } from "./openExecutor";

const add = programOf("add", "read", "read_write");
const step = programOf("step", "read_write");
const count = programOf("count", "read_write");
const slow = programOf("slow", "read_write");

const numbers = (length: number, start = 0): Uint32Array =>
  Uint32Array.from({ length }, (_, i) => start + i);

describe.each([0, 1, 2, 5])("with %i threads", (threads) => {
  test("a dispatch runs every workgroup once, whatever the grid", async () => {
    const executor = await open({ threads });
    for (const grid of [
      [1, 1, 1],
      [64, 1, 1],
      [100, 7, 3],
      [1, 1, 333],
    ] as const) {
      const groups = grid[0] * grid[1] * grid[2];
      const bytes = Math.ceil(groups / 64) * 256;
      const x = executor.createBuffer(bytes, "x");
      const y = executor.createBuffer(bytes, "y");
      executor.write(x, 0, numbers(bytes / 4));
      executor.dispatch(add, [all(x), all(y)], param(5), grid);
      const counter = executor.createBuffer(256, "counter");
      executor.dispatch(count, [all(counter)], param(0), grid);
      const [got, counted] = await words(executor, y, counter);
      expect(got).toEqual(Array.from(numbers(bytes / 4), (_, i) => (i < groups ? i + 5 : 0)));
      expect(counted![0]).toBe(groups);
    }
  });

  test("thousands of commands take effect in call order", async () => {
    const executor = await open({ threads });
    const width = 192;
    const y = executor.createBuffer(width * 4, "y");
    let expected = 0;
    for (let i = 0; i < 3000; i++) {
      // Wide ones are shared between the threads, narrow ones are not: both must see the one before.
      executor.dispatch(step, [all(y)], param(i), [width, 1, 1]);
      expected = (Math.imul(expected, 3) + i) >>> 0;
      if (i % 700 === 0) executor.flush();
    }
    const [got] = await words(executor, y);
    expect(got).toEqual(new Array(width).fill(expected));
  });

  test("a kernel compiled late takes no scratch memory that commands around it use", async () => {
    const executor = await open({ threads });
    // Room for the scratch memory of all threads after a read, and free before any kernel has its own.
    const freed = executor.createBuffer(8192 * Math.max(threads, 1) + 256, "freed");
    const [x, y, z] = ["x", "y", "z"].map((label) => executor.createBuffer(256, label)) as [
      DeviceBuffer,
      DeviceBuffer,
      DeviceBuffer,
    ];
    executor.write(x, 0, numbers(64));
    // The words at the end, where reads take nothing of it.
    const tail = { buffer: freed, offset: 256, bytes: 256 };
    executor.dispatch(add, [all(x), tail], param(5), [64, 1, 1]);
    executor.dispatch(step, [all(y)], param(9), [64, 1, 1]);
    executor.dispatch(add, [tail, all(z)], param(1), [64, 1, 1]);
    executor.destroyBuffer(freed);
    const [got] = await words(executor, z);
    expect(got).toEqual(Array.from(numbers(64), (v) => v + 6));
  });

  test("copies, clears and writes are ordered with dispatches", async () => {
    const executor = await open({ threads });
    const bytes = 1 << 18;
    const [a, b, c] = ["a", "b", "c"].map((label) => executor.createBuffer(bytes, label)) as [
      DeviceBuffer,
      DeviceBuffer,
      DeviceBuffer,
    ];
    const groups = bytes / 4;
    executor.write(a, 0, numbers(groups));
    executor.dispatch(add, [all(a), all(b)], param(1), [groups / 2, 2, 1]);
    executor.copy(all(b), all(c));
    executor.clear({ buffer: b, offset: 256, bytes: bytes - 512 });
    executor.write(a, 8, numbers(2, 70));
    executor.flush();
    executor.dispatch(add, [all(c), all(a)], param(1), [1, 1, 1]);
    executor.write(c, 0, numbers(1, 90));
    const [gotA, gotB, gotC] = await words(executor, a, b, c);
    expect(gotA!.slice(0, 5)).toEqual([2, 1, 70, 71, 4]);
    expect([gotB![0], gotB![63], gotB![64], gotB!.at(-65), gotB!.at(-64)]).toEqual([
      1,
      64,
      0,
      0,
      groups - 63,
    ]);
    expect(gotC!.slice(0, 3)).toEqual([90, 2, 3]);
    expect(gotC!.at(-1)).toBe(groups);
  });

  test("a read sees what was before it, and not what comes after", async () => {
    const executor = await open({ threads });
    for (const bytes of [256, 4 << 20]) {
      const y = executor.createBuffer(bytes, "y");
      const reads: Promise<number>[] = [];
      for (let i = 1; i <= 5; i++) {
        executor.dispatch(slow, [all(y)], param(i * 10), [64, 1, 1]);
        reads.push(executor.read([all(y)]).then(([b]) => new Uint32Array(b!)[63]!));
        executor.write(y, 0, new Uint32Array(64));
      }
      expect(await Promise.all(reads)).toEqual([10, 20, 30, 40, 50]);
      const [after] = await words(executor, y);
      expect(after![63]).toBe(0);
    }
  });

  test("memory is zeroed, and given back while commands still use it", async () => {
    const executor = await open({ threads });
    const results: DeviceBuffer[] = [];
    for (let i = 0; i < 50; i++) {
      const x = executor.createBuffer(4096, "x");
      const y = executor.createBuffer(4096, "y");
      executor.write(x, 0, numbers(4, i));
      executor.dispatch(add, [all(x), all(y)], param(1000), [4, 1, 1]);
      executor.destroyBuffer(x);
      results.push(y);
    }
    const got = await words(executor, ...results);
    got.forEach((values, i) => {
      expect(values.slice(0, 5)).toEqual([1000 + i, 1001 + i, 1002 + i, 1003 + i, 0]);
      expect(values.every((value, at) => at < 4 || value === 0)).toBe(true);
    });
  });

  test("a kernel that traps becomes an error that names it, thrown from then on", async () => {
    const executor = await open({ threads });
    const y = executor.createBuffer(256, "y");
    executor.dispatch(programOf("trap", "read_write"), [all(y)], param(0), [64, 1, 1]);
    const error = await rejection(executor.drain());
    expect(error).toBeInstanceOf(errors.DeviceInternalError);
    expect(String(error)).toMatch(/Kernel test\/trap .*stopped: RuntimeError/);
    expect(executor.failure).toBe(error);
    expect(() => executor.createBuffer(256, "z")).toThrow(error as Error);
    expect(await rejection(executor.read([all(y)]))).toBe(error);
  });

  test("a kernel that does not compile fails what waits for it, and names the line", async () => {
    const executor = await open({ threads });
    const y = executor.createBuffer(256, "y");
    executor.dispatch(programOf("nonsense", "read_write"), [all(y)], param(0), [1, 1, 1]);
    const error = await rejection(executor.read([all(y)]));
    expect(error).toBeInstanceOf(errors.DeviceValidationError);
    expect(String(error)).toMatch(/kernel test\/nonsense.*line 1, column 1/);
  });

  test("destroy lets a read arrive, and refuses what comes after", async () => {
    const executor = await open({ threads });
    const y = executor.createBuffer(256, "y");
    executor.dispatch(slow, [all(y)], param(1000), [64, 1, 1]);
    const reading = words(executor, y);
    await executor.destroy();
    expect((await reading)[0]).toEqual(new Array(64).fill(1000));
    expect(() => executor.flush()).not.toThrow();
    expect(() => executor.createBuffer(256, "z")).toThrow(errors.DeviceLostError);
    expect(await rejection(executor.drain())).toBeInstanceOf(errors.DeviceLostError);
  });

  test("a device that is lost fails a pending read and the next use", async () => {
    const executor = await open({ threads });
    const y = executor.createBuffer(256, "y");
    executor.dispatch(slow, [all(y)], param(1000), [64, 1, 1]);
    const reading = rejection(executor.read([all(y)]));
    executor.lose();
    expect(await reading).toBeInstanceOf(errors.DeviceLostError);
    expect(() => executor.dispatch(slow, [all(y)], param(1), [1, 1, 1])).toThrow(
      errors.DeviceLostError,
    );
  });

  test("every dispatch is timed by name, in order", async () => {
    const executor = await open({ threads });
    const y = executor.createBuffer(256, "y");
    executor.dispatch(step, [all(y)], param(1), [64, 1, 1]);
    const stop = startTiming(executor);
    for (let i = 0; i < 1500; i++) {
      executor.dispatch(i % 2 ? step : slow, [all(y)], param(i === 10 ? 100_000 : 1), [64, 1, 1]);
    }
    const timings = await stop();
    expect(timings.map(({ name }) => name)).toEqual(
      timings.map((_, i) => (i % 2 ? "test/step" : "test/slow")),
    );
    expect(timings.length).toBe(1500);
    for (const { nanoseconds } of timings) {
      expect(nanoseconds).toBeGreaterThanOrEqual(0);
      expect(nanoseconds).toBeLessThan(5e9);
    }
    const [median] = timings
      .map(({ nanoseconds }) => nanoseconds)
      .sort((a, b) => a - b)
      .slice(750);
    expect(timings[10]!.nanoseconds).toBeGreaterThan(50 * median!);
    expect(await executor.read([all(y)])).toHaveLength(1);
  });

  test("throttle waits for the oldest sections only, drain for all", async () => {
    const executor = await open({ threads });
    const y = executor.createBuffer(256, "y");
    for (let i = 0; i < 6; i++) {
      executor.dispatch(slow, [all(y)], param(20_000), [64, 1, 1]);
      executor.flush();
    }
    const ended: string[] = [];
    await Promise.all([
      executor.throttle(1).then(() => ended.push("throttle(1)")),
      executor.throttle(5).then(() => ended.push("throttle(5)")),
      executor.drain().then(() => ended.push("drain")),
      executor.throttle(6).then(() => ended.push("throttle(6)")),
    ]);
    expect(ended).toEqual(["throttle(6)", "throttle(5)", "throttle(1)", "drain"]);
  });
});

test("1,000 runs of a sequence take no more memory than the ring of command lists", async () => {
  const executor = await open({ threads: 2 });
  const [x, y, z] = ["x", "y", "z"].map((label) => executor.createBuffer(256, label)) as [
    DeviceBuffer,
    DeviceBuffer,
    DeviceBuffer,
  ];
  const range = (slot: number) => ({ slot, offset: 0, bytes: 256 });
  const grid = [64, 1, 1] as const;
  const sequence = executor.prepare([
    { kind: "dispatch", program: add, bindings: [range(0), range(1)], params: param(5), grid },
    { kind: "dispatch", program: step, bindings: [range(1)], params: param(2), grid },
  ]);
  const { memory } = executor as unknown as { memory: { used: number } };
  const used: number[] = [];
  for (let i = 0; i < 1000; i++) {
    sequence.run([x, i % 2 ? y : z].map((buffer) => ({ buffer, offset: 0 })));
    await executor.drain();
    used.push(memory.used);
  }
  // A thread that is held up keeps lists from being used again, 64 of 32 KiB at most.
  expect(used.at(-1)! - used[10]!).toBeLessThanOrEqual(64 * 2 ** 15);
  expect(await words(executor, y, z)).toEqual([new Array(64).fill(17), new Array(64).fill(17)]);
});

/** The code of a thread that is held up for 0.3 s at its tenth look at the clock, as a busy machine may. */
const heldUp = ({ main, parts }: ThreadCode): ThreadCode => ({
  main: (port, go: (...all: unknown[]) => void, ...rest: unknown[]) => {
    const now = performance.now.bind(performance);
    let looks = 0;
    performance.now = () => {
      if (++looks === 10) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      return now();
    };
    go(port, ...rest);
  },
  parts: [main, ...parts],
});

test("a thread held up in a list of commands holds up no more than what needs its memory", async () => {
  let threads = 0;
  const executor = await open({
    threads: 2,
    platform: {
      startThread: (code, events) => startNodeThread(threads++ ? heldUp(code) : code, events),
    },
  });
  const y = executor.createBuffer(1024, "y");
  let expected = 0;
  for (let i = 0; i < 10_000; i++) {
    executor.dispatch(step, [all(y)], param(i), [256, 1, 1]);
    expected = (Math.imul(expected, 3) + i) >>> 0;
  }
  const [got] = await words(executor, y);
  expect(new Set(got)).toEqual(new Set([expected]));
});
