/**
 * Commands on their way to the device: one command encoder open at a time and one compute pass in it,
 * submitted as a whole. A *section* is what is recorded between two submits.
 */
import type { TimedDispatch } from "./executor";
import type { TimestampRecorder } from "./timestamps";

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

  constructor(private readonly device: GPUDevice) {}

  /** Whether something was recorded since the last submit. */
  get recorded(): boolean {
    return this.encoder !== null;
  }

  /**
   * @param offset dynamic offset of the parameters, -1 where the kernel has none
   * @param timed what the timing is to tell of the dispatch, where `timing` is set
   */
  dispatch(
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    offset: number,
    grid: readonly [number, number, number],
    timed: TimedDispatch | null,
  ): void {
    if (this.timing && timed) this.beginTimed(this.timing, timed);
    const pass = this.pass ?? this.begin({ label: "tilegrad" });
    if (pipeline !== this.pipeline) {
      pass.setPipeline(pipeline);
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

  private begin(descriptor: GPUComputePassDescriptor): GPUComputePassEncoder {
    this.pass = this.commands().beginComputePass(descriptor);
    return this.pass;
  }

  private beginTimed(timing: TimestampRecorder, dispatch: TimedDispatch): void {
    this.endPass();
    this.begin({ label: dispatch.name, ...timing.next(dispatch) });
  }

  private endTimed(timing: TimestampRecorder): void {
    this.endPass();
    if (timing.full) timing.resolve(this.commands());
  }

  private commands(): GPUCommandEncoder {
    this.encoder ??= this.device.createCommandEncoder({ label: `section ${this.section}` });
    return this.encoder;
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = null;
    this.pipeline = null;
  }
}
