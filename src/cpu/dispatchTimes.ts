/** When each dispatch began and ended, as the threads saw it. */
import type { KernelTiming, TimedDispatch } from "../device/executor";
import type { Allocation, Memory } from "./memory";

const dispatchesPerPage = 1024;

export class DispatchTimes {
  private readonly dispatches: TimedDispatch[] = [];
  private readonly pages: Allocation[] = [];

  constructor(
    private readonly memory: Memory,
    private readonly allocate: (bytes: number) => Allocation,
  ) {}

  /** The address of the two f64 of the next dispatch. */
  next(dispatch: TimedDispatch): number {
    if (this.dispatches.length % dispatchesPerPage === 0)
      this.pages.push(this.allocate(16 * dispatchesPerPage));
    return this.address(this.dispatches.push(dispatch) - 1);
  }

  /** To be called once, when all have run. */
  finish(): KernelTiming[] {
    const { doubles } = this.memory;
    const first = this.pages[0] ? doubles[this.address(0) >>> 3]! : 0;
    const nanoseconds = (milliseconds: number) => Math.max(Math.round(milliseconds * 1e6), 0);
    const timings = this.dispatches.map((dispatch, i) => {
      const at = this.address(i) >>> 3;
      const [begin, end] = [doubles[at]!, doubles[at + 1]!];
      return {
        ...dispatch,
        nanoseconds: nanoseconds(end - begin),
        start: nanoseconds(begin - first),
      };
    });
    for (const page of this.pages.splice(0)) this.memory.release(page, 0);
    return timings;
  }

  private address(index: number): number {
    const page = this.pages[Math.floor(index / dispatchesPerPage)]!;
    return page.address + 16 * (index % dispatchesPerPage);
  }
}
