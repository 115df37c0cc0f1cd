import { expect, test } from "vitest";
import { BufferPool } from "../../src/device/bufferPool";
import type { DeviceBuffer, Executor } from "../../src/device/executor";

test("the same demands get the same buffers, in whatever order they were released before", () => {
  const executor = {
    section: 1,
    limits: { maxBufferBytes: 2 ** 20, maxBindingBytes: 2 ** 20 },
    createBuffer: (bytes: number, label: string): DeviceBuffer => ({ bytes, label, lastUse: 0 }),
  } as unknown as Executor;
  const pool = new BufferPool(executor);
  const take = (): DeviceBuffer[] => Array.from({ length: 5 }, () => pool.allocate(256, "step"));
  const first = take();
  for (const order of [
    [0, 1, 2, 3, 4],
    [4, 3, 2, 1, 0],
    [2, 0, 4, 1, 3],
  ]) {
    for (const i of order) pool.release(first[i]!);
    expect(take().map((buffer) => first.indexOf(buffer))).toEqual([0, 1, 2, 3, 4]);
  }
});
