/** The tuner on a clock and on candidates that say themselves how long they take. */
import { describe, expect, test } from "vitest";
import type { AdapterReport } from "../../src/device/executor";
import type { Choice, Variant } from "../../src/ops/variants";
import type { ByteCache } from "../../src/platform/platform";
import { type Candidate, contest } from "../../src/tune/contest";
import { classOf, nameOf } from "../../src/tune/problemClass";
import { shippedFor, tableName } from "../../src/tune/shipped";
import { TunedChooser } from "../../src/tune/tunedChooser";
import { keepWinners, loadWinners } from "../../src/tune/winners";

const adapter: AdapterReport = {
  vendor: "someone",
  architecture: "any",
  device: "",
  description: "A card 1.2.3",
  class: "hardware",
  features: [],
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
};

function memoryCache(): ByteCache & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  return {
    files,
    get: async (key) => files.get(key) ?? null,
    put: async (key, bytes) => void files.set(key, bytes),
  };
}

/** Runs take the seconds given, one after the other; the last goes on for ever. */
function race(times: Readonly<Record<string, readonly number[]>>, usual: string) {
  let current = "";
  const runs: Record<string, number> = {};
  const candidates = Object.keys(times).map<Candidate>((name) => ({
    name,
    run: () => {
      current = name;
    },
  }));
  const stopwatch = {
    measure: async (run: () => void) => {
      run();
      const count = (runs[current] ?? 0) + 1;
      runs[current] = count;
      return times[current]![Math.min(count, times[current]!.length) - 1]!;
    },
  };
  return { outcome: contest(candidates, usual, stopwatch), runs };
}

describe("a contest", () => {
  test("is won by the candidate with the least time", async () => {
    const { winner, seconds } = await race({ a: [3], b: [1], c: [2] }, "a").outcome;
    expect(winner).toBe("b");
    expect(seconds).toEqual({ a: 3, b: 1, c: 2 });
  });

  test("leaves the usual candidate where another is hardly faster", async () => {
    expect((await race({ a: [1], b: [0.96] }, "a").outcome).winner).toBe("a");
    expect((await race({ a: [1], b: [0.94] }, "a").outcome).winner).toBe("b");
  });

  test("takes the least of several rounds, so that one disturbed round does not decide", async () => {
    const { winner, seconds } = await race({ a: [2], b: [5, 1] }, "a").outcome;
    expect(winner).toBe("b");
    expect(seconds["b"]).toBe(1);
  });

  test("runs hopeless candidates once, but never gives the usual one up for one bad round", async () => {
    const { outcome, runs } = race({ a: [1], b: [10], c: [2] }, "a");
    await outcome;
    expect(runs).toEqual({ a: 3, b: 1, c: 3 });
    const disturbed = race({ a: [100, 1], b: [2] }, "a");
    expect((await disturbed.outcome).winner).toBe("a");
  });

  test("is decided by more rounds between the fastest and the usual candidate", async () => {
    const { outcome, runs } = race({ a: [9, 9, 9, 1], b: [3], c: [4] }, "a");
    expect((await outcome).winner).toBe("a");
    expect(runs["a"]).toBeGreaterThan(3);
    expect(runs["c"]).toBe(3);
  });

  test("passes over candidates that cannot run", async () => {
    const candidates: Candidate[] = [
      { name: "a", run: () => {} },
      {
        name: "b",
        run: () => {
          throw new Error("too large");
        },
      },
    ];
    const { winner, seconds } = await contest(candidates, "b", { measure: async () => 1 });
    expect(winner).toBe("a");
    expect(seconds).toEqual({ a: 1 });
  });
});

const choiceOf = (problem: Choice<Variant>["problem"]): Choice<Variant> => ({
  family: "toy",
  problem,
  candidates: () => ["usual", "other", { kernel: "vector", lanes: 64 }],
  defaultChoice: () => "usual",
});

test("classes keep small sizes and flags, and round large sizes to half powers of two", () => {
  expect(classOf(choiceOf([3, 16, true, "rows"]))).toBe("toy 3 16 yes rows");
  expect(classOf(choiceOf([1000]))).toBe(classOf(choiceOf([1024])));
  expect(classOf(choiceOf([1024]))).not.toBe(classOf(choiceOf([1448])));
  expect(classOf(choiceOf([17]))).toBe("toy 16");
  expect(classOf(choiceOf([0]))).toBe("toy 0");
});

test("variants of several fields are written in one line", () => {
  expect(nameOf("scan")).toBe("scan");
  expect(nameOf(64)).toBe("64");
  expect(nameOf({ kernel: "tiled", side: 8, groups: 2 })).toBe("tiled side=8 groups=2");
});

describe("a tuned chooser", () => {
  test("takes what is remembered before what ships, and what ships before the default", () => {
    const chooser = new TunedChooser(
      { "toy 1": "vector lanes=64" },
      { "toy 1": "other", "toy 2": "other" },
    );
    expect(chooser.choose(choiceOf([1]))).toEqual({ kernel: "vector", lanes: 64 });
    expect(chooser.choose(choiceOf([2]))).toBe("other");
    expect(chooser.choose(choiceOf([3]))).toBe("usual");
  });

  test("passes over a winner that is no candidate here", () => {
    expect(new TunedChooser({ "toy 1": "gone" }, {}).choose(choiceOf([1]))).toBe("usual");
  });

  test("tries a variant for one class, only while it runs", () => {
    const chooser = new TunedChooser({}, {});
    const seen = chooser.trying("toy 1", "other", () => [
      chooser.choose(choiceOf([1])),
      chooser.choose(choiceOf([2])),
    ]);
    expect(seen).toEqual(["other", "usual"]);
    expect(chooser.choose(choiceOf([1]))).toBe("usual");
  });

  test("has another version after every winner", () => {
    const chooser = new TunedChooser({}, {});
    const { version } = chooser;
    expect(version).toBeGreaterThan(0);
    chooser.remember("toy 1", "other");
    expect(chooser.version).toBe(version + 1);
    expect(chooser.choose(choiceOf([1]))).toBe("other");
  });
});

describe("winners", () => {
  test("come back for the same adapter and driver, and for no other", async () => {
    const cache = memoryCache();
    await keepWinners(cache, adapter, { "toy 1": "other" });
    expect(await loadWinners(cache, adapter)).toEqual({ "toy 1": "other" });
    const newer = { ...adapter, description: "A card 1.2.4" };
    expect(await loadWinners(cache, newer)).toEqual({});
    expect(await loadWinners(null, adapter)).toEqual({});
  });

  test("of a torn file, or of another adapter with the same file name, are none", async () => {
    for (const text of ["{", "null", "[1]", '{"adapter":"another","winners":{"toy 1":"other"}}']) {
      const cache = memoryCache();
      await keepWinners(cache, adapter, { "toy 1": "other" });
      const [key] = cache.files.keys();
      expect(key).toMatch(/^[\w.]+$/);
      cache.files.set(key!, new TextEncoder().encode(text));
      expect(await loadWinners(cache, adapter)).toEqual({});
    }
  });
});

test("tables ship for the adapters that many machines share", () => {
  const software = { ...adapter, class: "software" as const };
  expect(tableName({ ...adapter, class: "wasm" })).toBe("wasm");
  expect(tableName({ ...software, description: "llvmpipe (LLVM 15)" })).toBe("lavapipe");
  expect(tableName({ ...software, description: "SwiftShader Device" })).toBe("swiftshader");
  expect(tableName(adapter)).toBe(null);
  expect(shippedFor(adapter)).toEqual({});
});
