import fc from "fast-check";
import { expect, test } from "vitest";
import { type Allocation, Memory } from "../../../src/cpu/memory";

const mebibyte = 1 << 20;

test("ranges do not overlap, are aligned, within bounds, and zero where they say so", () => {
  const command = fc.oneof(
    fc.record({ bytes: fc.integer({ min: 1, max: mebibyte }) }),
    fc.record({ free: fc.nat({ max: 20 }), busyUntil: fc.nat({ max: 9 }) }),
    fc.record({ bytes: fc.integer({ min: 1, max: 70_000 }), idleSince: fc.nat({ max: 9 }) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const memory = new Memory({ shared: false, reserved: 1000, most: 4 * mebibyte });
      const live: Allocation[] = [];
      const busy: { start: number; end: number; until: number }[] = [];
      for (const one of commands) {
        if ("free" in one) {
          const [gone] = live.splice(one.free % (live.length || 1), 1);
          if (!gone) continue;
          memory.release(gone, one.busyUntil);
          busy.push({
            start: gone.address,
            end: gone.address + gone.bytes,
            until: one.busyUntil,
          });
          continue;
        }
        const idleSince = "idleSince" in one ? one.idleSince : undefined;
        const made = memory.allocate(one.bytes, idleSince);
        if (!made) continue;
        const end = made.address + made.bytes;
        expect(made.address % 256).toBe(0);
        expect(made.address).toBeGreaterThanOrEqual(1000);
        expect(made.bytes).toBeGreaterThanOrEqual(one.bytes);
        expect(end).toBeLessThanOrEqual(Math.min(memory.words.byteLength, memory.most));
        for (const other of live)
          expect(end <= other.address || other.address + other.bytes <= made.address).toBe(true);
        const until = busy
          .filter(({ start, end: last }) => start < end && made.address < last)
          .map((range) => range.until);
        expect(Math.max(0, ...until)).toBeLessThanOrEqual(made.busyUntil);
        if (idleSince !== undefined) expect(made.busyUntil).toBeLessThanOrEqual(idleSince);
        const bytes = memory.bytes(made.address, made.bytes);
        if (!made.dirty) expect(bytes.some((byte) => byte !== 0)).toBe(false);
        bytes.fill(1);
        live.push(made);
      }
      expect(memory.used).toBe(live.reduce((sum, { bytes }) => sum + bytes, 0));
    }),
    { numRuns: 200 },
  );
});

test("what is freed is whole again: no memory is lost to pieces", () => {
  const memory = new Memory({ shared: true, reserved: 256, most: 16 * mebibyte });
  const pieces: Allocation[] = [];
  for (let piece = memory.allocate(300_000); piece; piece = memory.allocate(300_000))
    pieces.push(piece);
  expect(pieces.length).toBe(55);
  for (const odd of [1, 0])
    pieces.forEach((piece, i) => {
      if (i % 2 === odd) memory.release(piece, 0);
    });
  expect(memory.used).toBe(0);
  expect(memory.allocate(16 * mebibyte - 256)).not.toBeNull();
});

test("memory grows on demand, and keeps what it holds", () => {
  const memory = new Memory({ shared: true, reserved: 256 });
  expect(memory.most).toBe(2 ** 32);
  const first = memory.allocate(1024)!;
  memory.bytes(first.address, 1024).fill(7);
  const before = memory.pages;
  const large = memory.allocate(64 * mebibyte)!;
  expect(memory.pages).toBeGreaterThan(before);
  expect(memory.bytes(first.address, 1024).every((byte) => byte === 7)).toBe(true);
  expect(memory.bytes(large.address + large.bytes - 1, 1)[0]).toBe(0);
});
