/** Sequences of commands, and compiling ahead, on whichever executor the run names. */

import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { DeviceBuffer, Executor, Sequence, SlotBuffer } from "../../src/device/executor";
import { startTiming } from "../../src/device/timing";
import { initOn } from "../../src/init";
import * as tg from "../../src/node";
import { nodePlatform } from "../../src/platform/node";
import { add, addOn, bytes, grid, part, range, step, stepOn, value, words } from "../stepPrograms";

const fresh = (options: Parameters<typeof initOn>[1] = {}): Promise<tg.Device> =>
  initOn(nodePlatform, { makeCurrent: false, ...options });

let executor: Executor;
beforeAll(async () => {
  executor = (await tg.init()).executor;
});

const made: (() => void)[] = [];
afterEach(() => {
  for (const free of made.splice(0)) free();
});

function bufferOn(where: Executor, label: string, size = bytes): DeviceBuffer {
  const buffer = where.createBuffer(size, label);
  made.push(() => where.destroyBuffer(buffer));
  return buffer;
}
const buffer = (label: string, size = bytes): DeviceBuffer => bufferOn(executor, label, size);

function prepared(commands: Parameters<Executor["prepare"]>[0]): Sequence {
  const sequence = executor.prepare(commands);
  made.push(() => sequence.dispose());
  return sequence;
}

const at = (held: DeviceBuffer, offset = 0): SlotBuffer => ({ buffer: held, offset });
const write = (to: DeviceBuffer, start: number): void =>
  executor.write(
    to,
    0,
    Uint32Array.from({ length: words }, (_, i) => start + i),
  );

async function read(from: DeviceBuffer, offset = 0): Promise<number[]> {
  const [got] = await executor.read([{ buffer: from, offset, bytes: 4 * words }]);
  return [...new Uint32Array(got!)];
}

/** What steps of these values make of `start + i`. */
const stepped = (start: number, ...values: number[]): number[] =>
  Array.from({ length: words }, (_, i) =>
    values.reduce((sum, v) => (Math.imul(sum, 3) + v) >>> 0, start + i),
  );

test("a sequence gives the same bits as the dispatches it is made of", async () => {
  const [a, b, c] = [buffer("a"), buffer("b"), buffer("c")];
  const values = Array.from({ length: 50 }, (_, i) => i * 7);
  write(a, 5);
  executor.dispatch(add, [part(a), part(b)], value(1), grid);
  for (const v of values) executor.dispatch(step(), [part(b)], value(v), grid);
  executor.copy(part(b), part(c));
  const eager = await read(c);
  expect(eager).toEqual(stepped(6, ...values));
  const sequence = prepared([
    addOn(0, 1, 1),
    ...values.map((v) => stepOn(1, v)),
    { kind: "copy", from: range(1), to: range(2) },
    { kind: "clear", range: range(1) },
  ]);
  executor.clear(part(c));
  sequence.run([at(a), at(b), at(c)]);
  expect(await read(c)).toEqual(eager);
  expect(await read(b)).toEqual(new Array(words).fill(0));
});

test("runs keep their order among dispatches, copies, writes and reads", async () => {
  const [y, other] = [buffer("y"), buffer("other")];
  const sequence = prepared([stepOn(0, 3), stepOn(0, 4)]);
  write(y, 0);
  executor.dispatch(step(), [part(y)], value(2), grid);
  sequence.run([at(y)]);
  executor.dispatch(step(), [part(y)], value(5), grid);
  const reading = read(y);
  sequence.run([at(y)]);
  executor.copy(part(y), part(other));
  executor.flush();
  write(y, 100);
  sequence.run([at(y)]);
  expect(await reading).toEqual(stepped(0, 2, 3, 4, 5));
  expect(await read(other)).toEqual(stepped(0, 2, 3, 4, 5, 3, 4));
  expect(await read(y)).toEqual(stepped(100, 3, 4));
});

test("a write after a run does not overtake it", async () => {
  const y = buffer("y");
  const out = buffer("out");
  const sequence = prepared([addOn(0, 1, 1)]);
  write(y, 0);
  sequence.run([at(y), at(out)]);
  write(y, 1000);
  expect(await read(out)).toEqual(stepped(1));
  expect(await read(y)).toEqual(stepped(1000));
});

test("what is in a slot may change with every run, and come back", async () => {
  const source = buffer("source", 4 * bytes);
  const outs = Array.from({ length: 7 }, (_, i) => buffer(`out ${i}`, 2 * bytes));
  executor.write(
    source,
    0,
    Uint32Array.from({ length: bytes }, (_, i) => i),
  );
  const sequence = prepared([addOn(0, 1, 10), stepOn(1, 1)]);
  for (let run = 0; run < 40; run++) {
    const out = outs[(run * run) % 7]!;
    const [from, to] = [(run % 4) * bytes, (run % 2) * bytes];
    sequence.run([at(source, from), at(out, to)]);
    if (run % 9 === 0) executor.flush();
    expect(await read(out, to)).toEqual(stepped(from / 4 + 10, 1));
  }
});

test("a run longer than a section is right, and so are its writes", async () => {
  const y = buffer("y");
  const sequence = prepared(Array.from({ length: 5000 }, (_, i) => stepOn(0, i % 3)));
  write(y, 1);
  const submits = executor.counters.submits;
  sequence.run([at(y)]);
  write(y, 9);
  expect(await read(y)).toEqual(stepped(9));
  expect(executor.counters.submits - submits).toBeLessThanOrEqual(3);
  write(y, 1);
  sequence.run([at(y)]);
  expect(await read(y)).toEqual(stepped(1, ...Array.from({ length: 5000 }, (_, i) => i % 3)));
});

test("a run counts its dispatches and copies, and makes no submit of its own", async () => {
  const [y, z] = [buffer("y"), buffer("z")];
  const sequence = prepared([
    stepOn(0, 1),
    stepOn(0, 2),
    { kind: "copy", from: range(0), to: range(1) },
    { kind: "clear", range: range(0) },
  ]);
  executor.flush();
  const before = { ...executor.counters };
  sequence.run([at(y), at(z)]);
  sequence.run([at(y), at(z)]);
  const { dispatches, copies, submits } = executor.counters;
  expect(dispatches - before.dispatches).toBe(4);
  expect(copies - before.copies).toBe(4);
  expect(submits).toBe(before.submits);
  expect(y.lastUse).toBe(executor.section);
  expect(z.lastUse).toBe(executor.section);
});

test("parameters are those of the time of preparing", async () => {
  const y = buffer("y");
  const params = value(5);
  const sequence = prepared([
    { kind: "dispatch", program: step(), bindings: [range(0)], params, grid },
  ]);
  params.fill(0);
  write(y, 0);
  sequence.run([at(y)]);
  expect(await read(y)).toEqual(stepped(0, 5));
});

test("runs recorded before a sequence is disposed still take place; later ones are refused", async () => {
  const y = buffer("y");
  const sequence = executor.prepare([stepOn(0, 3)]);
  write(y, 0);
  sequence.run([at(y)]);
  sequence.dispose();
  sequence.dispose();
  expect(await read(y)).toEqual(stepped(0, 3));
  expect(() => sequence.run([at(y)])).toThrow(tg.ArgumentError);
  expect(executor.failure).toBeNull();
});

test("a slot that is not given is refused by its number", () => {
  const sequence = prepared([addOn(0, 1, 1)]);
  expect(() => sequence.run([at(buffer("only"))])).toThrow(/slot 1 was run with 1 slots/);
});

describe("a destroyed buffer", () => {
  test("in a slot is refused by name, and nothing is recorded", async () => {
    const [kept, gone] = [buffer("kept"), executor.createBuffer(bytes, "the gone one")];
    const sequence = prepared([stepOn(0, 3), stepOn(1, 4)]);
    write(kept, 0);
    sequence.run([at(kept), at(gone)]);
    executor.destroyBuffer(gone);
    const before = executor.counters.dispatches;
    expect(() => sequence.run([at(kept), at(gone)])).toThrow(tg.DeviceValidationError);
    expect(() => sequence.run([at(kept), at(gone)])).toThrow(/"the gone one" was used after/);
    expect(executor.counters.dispatches).toBe(before);
    expect(await read(kept)).toEqual(stepped(0, 3));
    const other = buffer("other");
    sequence.run([at(kept), at(other)]);
    expect(await read(kept)).toEqual(stepped(0, 3, 3));
    expect(await read(other)).toEqual(new Array(words).fill(4));
    expect(executor.failure).toBeNull();
  });

  test("right after a run that uses it, does not take the run away", async () => {
    const gone = executor.createBuffer(bytes, "gone");
    const out = buffer("out");
    const sequence = prepared([stepOn(0, 3), addOn(0, 1, 1)]);
    sequence.run([at(gone), at(out)]);
    executor.destroyBuffer(gone);
    expect(await read(out)).toEqual(new Array(words).fill(4));
  });
});

describe("what the device rejects", () => {
  const failureOf = async (use: (on: Executor) => void): Promise<string> => {
    const device = await fresh();
    use(device.executor);
    const error = await device.synchronize().catch((reason: unknown) => reason);
    await device.destroy();
    expect(error).toBeInstanceOf(tg.DeviceValidationError);
    return String(error);
  };

  test("a range beyond the buffer in a slot: the error names kernel and buffer", async () => {
    const error = await failureOf((on) => {
      const short = on.createBuffer(256, "short one");
      on.prepare([stepOn(0, 1)]).run([at(short)]);
    });
    expect(error).toMatch(/kernel test\/step on y=short one\[0\+1024\]/);
  });

  test("a kernel that does not compile: the error names it", async () => {
    const error = await failureOf((on) => {
      const y = on.createBuffer(bytes, "y");
      on.prepare([stepOn(0, 1, { ...step("broken"), wgsl: "not WGSL" })]).run([at(y)]);
    });
    expect(error).toContain("kernel test/step (test/stepbroken)");
  });

  test("one buffer in two slots, read and written: an error, not wrong numbers", async () => {
    const error = await failureOf((on) => {
      const y = on.createBuffer(bytes, "y");
      on.prepare([addOn(0, 1, 1)]).run([at(y), at(y)]);
    });
    expect(error).toMatch(/rejected/);
  });

  test("after a failure a run throws it", async () => {
    const device = await fresh();
    const y = device.executor.createBuffer(bytes, "y");
    const sequence = device.executor.prepare([stepOn(0, 1)]);
    device.executor.lose();
    await device.synchronize().catch(() => undefined);
    expect(() => sequence.run([at(y)])).toThrow(tg.DeviceLostError);
    expect(() => sequence.dispose()).not.toThrow();
    expect(() => device.executor.prepare([stepOn(0, 1)]).dispose()).not.toThrow();
    await device.destroy();
  });
});

describe("timing", () => {
  test.each([
    ["with", []],
    ["without", ["timestamp-query"]],
  ])(
    "tells of each dispatch what it was, when it began and how long it took, %s timestamps",
    async (_, withoutFeatures) => {
      const device = await fresh({ withoutFeatures });
      const on = device.executor;
      const [x, y, z] = ["x", "y", "z"].map((label) => on.createBuffer(bytes, label)) as [
        DeviceBuffer,
        DeviceBuffer,
        DeviceBuffer,
      ];
      const sequence = on.prepare([
        addOn(0, 1, 6),
        stepOn(1, 7),
        { kind: "copy", from: range(1), to: range(2) },
        { kind: "clear", range: range(1) },
      ]);
      sequence.run([at(x), at(y), at(z)]);
      const stop = startTiming(on);
      sequence.run([at(x), at(y), at(z)]);
      on.dispatch(step(), [part(y)], value(8), grid);
      sequence.run([at(x), at(y), at(z)]);
      const timings = await stop();
      expect(timings.map((t) => t.name)).toEqual(
        ["add", "step", "step", "add", "step"].map((name) => `test/${name}`),
      );
      expect(timings[0]).toMatchObject({
        program: "test/add",
        bindings: [
          { name: "x", access: "read", bytes },
          { name: "y", access: "read_write", bytes },
        ],
        params: value(6),
        grid,
        start: 0,
      });
      expect(timings.map((t) => t.params![0])).toEqual([6, 7, 8, 6, 7]);
      timings.forEach(({ start, nanoseconds }, i) => {
        expect(nanoseconds).toBeGreaterThanOrEqual(0);
        if (i > 0) expect(start).toBeGreaterThanOrEqual(timings[i - 1]!.start);
      });
      for (let again = 0; again < 2; again++) {
        const [got] = await on.read([part(z)]);
        expect(new Uint32Array(got!)[9]).toBe(6 * 3 + 7);
        sequence.run([at(x), at(y), at(z)]);
      }
      await device.destroy();
    },
  );
});

describe("compilePrograms", () => {
  test("reports each program that was not compiled, once", async () => {
    const device = await fresh();
    const on = device.executor;
    const programs = [step(), step(" again"), add, step()];
    let first = 0;
    let second = 0;
    await Promise.all([
      on.compilePrograms(programs, () => first++),
      on.compilePrograms([add], () => second++),
    ]);
    expect([first, second]).toEqual([3, 1]);
    expect(on.counters.programs).toBe(3);
    await on.compilePrograms(programs, () => first++);
    expect(first).toBe(3);
    const y = on.createBuffer(bytes, "y");
    on.prepare([stepOn(0, 9)]).run([at(y)]);
    const [got] = await on.read([part(y)]);
    expect(new Uint32Array(got!)[3]).toBe(9);
    expect(on.counters.programs).toBe(3);
    await device.destroy();
  });

  test("a program dispatched while it is being compiled runs, and is compiled once", async () => {
    const device = await fresh();
    const on = device.executor;
    const y = on.createBuffer(bytes, "y");
    const sequence = on.prepare([stepOn(0, 2)]);
    const compiling = on.compilePrograms([add, step()]);
    on.dispatch(step(), [part(y)], value(1), grid);
    sequence.run([at(y)]);
    const [got] = await on.read([part(y)]);
    expect(new Uint32Array(got!)[3]).toBe(5);
    await compiling;
    expect(on.counters.programs).toBe(2);
    await device.destroy();
  });

  test("a program that does not compile fails with its name, as does all that follows", async () => {
    const device = await fresh();
    const on = device.executor;
    const broken = { ...step(" broken"), wgsl: "fn main() { nonsense }" };
    const error = await on.compilePrograms([add, broken]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(tg.DeviceValidationError);
    expect(String(error)).toContain("kernel test/step (test/step broken)");
    expect(on.failure).toBe(error);
    expect(() => on.createBuffer(256, "x")).toThrow(tg.DeviceValidationError);
    await device.destroy();
  });
});
