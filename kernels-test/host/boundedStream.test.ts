/** Submits bounded in time, on a device that takes as long as a test says. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { DispatchRecord } from "../../src/device/commandStream";
import { ArgumentError } from "../../src/errors";
import { BoundedStream, boundedStreams } from "../../src/profile/boundedStream";
import { gridParts, partVariant } from "../../src/profile/gridParts";

describe("the parts of a grid", () => {
  const grids = [
    [1, 1, 1],
    [7, 1, 1],
    [5, 6, 1],
    [4, 3, 5],
    [1, 9, 2],
  ] as const;
  test.each(grids)("%i x %i x %i: each workgroup in one part, none too large", (...grid) => {
    for (const most of [0, 1, 2, 3, 7, 12, 1000]) {
      const seen = new Set<string>();
      const parts = gridParts(grid, most);
      for (const { first, size } of parts) {
        expect(size[0] * size[1] * size[2]).toBeLessThanOrEqual(Math.max(most, 1));
        for (let x = 0; x < size[0]; x++)
          for (let y = 0; y < size[1]; y++)
            for (let z = 0; z < size[2]; z++)
              seen.add(`${first[0] + x},${first[1] + y},${first[2] + z}`);
      }
      const groups = grid[0] * grid[1] * grid[2];
      expect(seen.size).toBe(groups);
      expect(parts.reduce((sum, { size }) => sum + size[0] * size[1] * size[2], 0)).toBe(groups);
    }
  });
});

test("an entry point of another form has no variant", () => {
  expect(partVariant("@compute @workgroup_size(64)\nfn main() {}")).toContain("fn whole_grid()");
  expect(partVariant("@compute @workgroup_size(64)\nfn other() {}")).toBeNull();
});

test("a bound is above 0", () => {
  for (const wrong of [0, -1, Number.NaN])
    expect(() => boundedStreams(wrong)).toThrow(ArgumentError);
});

/** A device that takes `milliseconds` for each workgroup, one submit after the other. */
class FakeDevice {
  now = 0;
  milliseconds = 1;
  /** How long each submit took. */
  readonly took: number[] = [];
  private groups = 0;
  private ready = 0;

  readonly queue = {
    writeBuffer: () => undefined,
    submit: () => {
      this.took.push(this.groups * this.milliseconds);
      this.ready = Math.max(this.ready, this.now) + this.took.at(-1)!;
      this.groups = 0;
    },
    onSubmittedWorkDone: () => {
      const { ready } = this;
      return Promise.resolve().then(() => {
        this.now = Math.max(this.now, ready);
      });
    },
  };

  createCommandEncoder = () => ({
    beginComputePass: () => ({
      setPipeline: () => undefined,
      setBindGroup: () => undefined,
      dispatchWorkgroups: (x: number, y: number, z: number) => {
        this.groups += x * y * z;
      },
      end: () => undefined,
    }),
    finish: () => undefined,
  });
  createComputePipeline = () => ({});
  createShaderModule = () => ({});
  createPipelineLayout = () => ({});
  createBindGroupLayout = () => ({});
  createBindGroup = () => ({});
  createBuffer = () => ({});
}

describe("the pace of a program", () => {
  const longest = 100;
  let device: FakeDevice;
  let stream: BoundedStream;
  beforeEach(() => {
    device = new FakeDevice();
    const flush = (): void => stream.submit(() => undefined);
    stream = new BoundedStream(device as unknown as GPUDevice, flush, longest);
    vi.spyOn(performance, "now").mockImplementation(() => device.now);
    vi.stubGlobal("GPUBufferUsage", { UNIFORM: 1, COPY_DST: 2 });
    vi.stubGlobal("GPUShaderStage", { COMPUTE: 1 });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  /** A dispatch of 64 workgroups. */
  const dispatchOf = (operations: number): DispatchRecord => {
    const wgsl = "@compute @workgroup_size(64)\nfn main() {}";
    const rest = { overrides: {}, bindings: [], params: null, flops: () => operations };
    const program = { key: "test/one", name: "test/one", wgsl, ...rest };
    const compiled = { program, layout: {}, pipeline: {} } as unknown as DispatchRecord["compiled"];
    return { compiled, ranges: [], params: null, grid: [64, 1, 1] };
  };

  /** How long the submits of one step took, after `steps` of them. */
  async function after(steps: number, record: DispatchRecord): Promise<number[]> {
    for (let step = 0; step < steps; step++) {
      device.took.length = 0;
      stream.dispatch(record, {} as GPUBindGroup, -1);
      if (stream.recorded) stream.submit(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return device.took;
  }

  test("is that of a slow GPU at first, and a fast one soon keeps its dispatches whole", async () => {
    device.milliseconds = 0.02;
    const record = dispatchOf(1e11);
    expect((await after(1, record)).length).toBeGreaterThan(9);
    expect(await after(8, record)).toEqual([64 * 0.02]);
  });

  test("is learnt where a dispatch takes far longer than it was told to", async () => {
    device.milliseconds = 10;
    const record = dispatchOf(1e8);
    expect(await after(1, record)).toEqual([640]);
    const later = await after(8, record);
    expect(Math.max(...later)).toBeLessThanOrEqual(longest / 2);
    expect(later.reduce((sum, took) => sum + took)).toBe(640);
  });

  test("a submit holds no more than the bound, and dispatches that fit share one", async () => {
    device.milliseconds = 10 / 64;
    const record = dispatchOf(2e9);
    for (let i = 0; i < 100; i++) {
      stream.dispatch(record, {} as GPUBindGroup, -1);
      if (stream.full) stream.submit(() => undefined);
    }
    expect(new Set(device.took)).toEqual(new Set([50]));
  });

  test("short submits of a known program are not waited for", async () => {
    device.milliseconds = 0.001;
    const watched = vi.spyOn(device.queue, "onSubmittedWorkDone");
    await after(10, dispatchOf(1e6));
    expect(watched).toHaveBeenCalledTimes(1);
  });
});
