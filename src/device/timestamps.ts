/** One begin and one end timestamp per dispatch, in query sets of 2,048 dispatches. */
import type { DispatchRecord } from "./commandStream";
import type { KernelTiming, TimedDispatch } from "./executor";
import { timedDispatch } from "./timedDispatch";

const pairs = 2048;

export interface TimedPass {
  readonly label: string;
  readonly timestampWrites: GPUComputePassTimestampWrites;
}

export class TimestampRecorder {
  private readonly batches: TimedDispatch[][] = [[]];
  private readonly results: { resolved: GPUBuffer; readable: GPUBuffer }[] = [];
  private readonly set: GPUQuerySet;

  /** @param device has the feature `timestamp-query` */
  constructor(private readonly device: GPUDevice) {
    this.set = device.createQuerySet({ type: "timestamp", count: pairs * 2 });
  }

  get full(): boolean {
    return this.batches.at(-1)!.length === pairs;
  }

  /** The compute pass of the next dispatch. */
  next({ compiled, ranges, params, grid }: DispatchRecord): TimedPass {
    const batch = this.batches.at(-1)!;
    const dispatch = timedDispatch(compiled.program, ranges, params, grid);
    const index = batch.push(dispatch) - 1;
    return {
      label: dispatch.name,
      timestampWrites: {
        querySet: this.set,
        beginningOfPassWriteIndex: index * 2,
        endOfPassWriteIndex: index * 2 + 1,
      },
    };
  }

  /** Encodes the move of the recorded timestamps into a buffer, and starts the next batch. */
  resolve(encoder: GPUCommandEncoder): void {
    const count = this.batches.at(-1)!.length * 2;
    if (count === 0) return;
    const resolved = this.device.createBuffer({
      size: count * 8,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const readable = this.device.createBuffer({
      size: count * 8,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    encoder.resolveQuerySet(this.set, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, count * 8);
    this.results.push({ resolved, readable });
    this.batches.push([]);
  }

  async finish(): Promise<KernelTiming[]> {
    const timings: KernelTiming[] = [];
    let first: bigint | undefined;
    for (const [batch, { resolved, readable }] of this.results.entries()) {
      await readable.mapAsync(GPUMapMode.READ);
      const stamps = new BigUint64Array(readable.getMappedRange());
      first ??= stamps[0]!;
      for (const [i, dispatch] of this.batches[batch]!.entries()) {
        const [begin, end] = [stamps[i * 2]!, stamps[i * 2 + 1]!];
        timings.push({
          ...dispatch,
          nanoseconds: Number(end - begin),
          start: Number(begin - first),
        });
      }
      readable.destroy();
      resolved.destroy();
    }
    this.set.destroy();
    return timings;
  }
}
