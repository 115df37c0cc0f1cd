/**
 * Commands on their way to the device: one command encoder open at a time and one compute pass in it,
 * submitted as a whole. A *section* is what is recorded between two submits.
 */
import type { BoundRange } from "./timedDispatch";
import type { TimestampRecorder } from "./timestamps";
import type { CompiledProgram } from "./webgpuPrograms";

/** Sections of more dispatches are submitted early, so that a long program does not wait to begin. */
const maxDispatches = 4096;

/** A dispatch to record. A sequence gives the same object at each run. */
export interface DispatchRecord {
  readonly compiled: CompiledProgram;
  readonly ranges: readonly BoundRange[];
  readonly params: Uint8Array | null;
  readonly grid: readonly [number, number, number];
  /** What a stream that bounds its submits knows of it, for the next run. */
  cost?: DispatchCost;
}

/** What a dispatch takes: `work` in milliseconds of a slow GPU, at the pace of its program. */
export interface DispatchCost {
  readonly pace: ProgramPace;
  readonly work: number;
}

/** How fast a program is on a device. */
export interface ProgramPace {
  /** Milliseconds it takes for what a slow GPU does in one. */
  value: number;
  /** Whether a submit with it was timed. */
  timed: boolean;
  /** The last section that it was in. */
  section: number;
}

/** Makes a stream other than `CommandStream` itself. @param flush submits what was recorded, as the executor does */
export type StreamMaker = (device: GPUDevice, flush: () => void) => CommandStream;

/** Loads what bounds submits in time: a program that needs it not does not carry it. See `longestSubmit`. */
export type SubmitBounds = (milliseconds?: number) => Promise<StreamMaker>;

export class CommandStream {
  /** The number of the section being recorded. */
  section = 1;
  /** Dispatches in it. */
  dispatches = 0;
  /** Times every dispatch while it is set. */
  timing: TimestampRecorder | null = null;
  private encoder: GPUCommandEncoder | null = null;
  private pass: GPUComputePassEncoder | null = null;
  /** What the open pass has set. */
  private pipeline: GPUComputePipeline | null = null;
  /** One array for all calls: Dawn in Node takes it faster than a Uint32Array. */
  private readonly dynamicOffsets = [0];

  constructor(protected readonly device: GPUDevice) {}

  /** Whether something was recorded since the last submit. */
  get recorded(): boolean {
    return this.encoder !== null;
  }

  /** Whether the section is long enough to be submitted. */
  get full(): boolean {
    return this.dispatches >= maxDispatches;
  }

  /**
   * @param record of a program that has its pipeline
   * @param offset dynamic offset of the parameters, -1 where the kernel has none
   */
  dispatch(record: DispatchRecord, group: GPUBindGroup, offset: number): void {
    const { compiled, grid } = record;
    const { pipeline } = compiled;
    if (this.timing) {
      this.endPass();
      this.begin(this.timing.next(record));
    }
    const pass = this.pass ?? this.begin({ label: "tilegrad" });
    if (pipeline !== this.pipeline) {
      pass.setPipeline(pipeline!);
      this.pipeline = pipeline;
    }
    if (offset < 0) pass.setBindGroup(0, group);
    else {
      this.dynamicOffsets[0] = offset;
      pass.setBindGroup(0, group, this.dynamicOffsets);
    }
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    this.dispatches++;
    if (this.timing) this.endTimed(this.timing);
  }

  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.endPass();
    this.commands().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  clear(buffer: GPUBuffer, offset: number, bytes: number): void {
    this.endPass();
    this.commands().clearBuffer(buffer, offset, bytes);
  }

  /** Ends the section and hands it over. @param send called right before the submit */
  submit(send: () => void): void {
    const encoder = this.commands();
    this.endPass();
    this.timing?.resolve(encoder);
    send();
    this.device.queue.submit([encoder.finish()]);
    this.encoder = null;
    this.dispatches = 0;
    this.section++;
  }

  protected begin(descriptor: GPUComputePassDescriptor): GPUComputePassEncoder {
    this.pass = this.commands().beginComputePass(descriptor);
    return this.pass;
  }

  private endTimed(timing: TimestampRecorder): void {
    this.endPass();
    if (timing.full) timing.resolve(this.commands());
  }

  private commands(): GPUCommandEncoder {
    this.encoder ??= this.device.createCommandEncoder({ label: `section ${this.section}` });
    return this.encoder;
  }

  protected endPass(): void {
    this.pass?.end();
    this.pass = null;
    this.pipeline = null;
  }
}
