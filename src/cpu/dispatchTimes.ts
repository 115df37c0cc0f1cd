/** When each dispatch began and ended, as the threads saw it. */
import type { KernelTiming } from "../device/executor";
import type { Allocation, Memory } from "./memory";

const dispatchesPerPage = 1024;

export class DispatchTimes {
  private readonly names: string[] = [];
  private readonly pages: Allocation[] = [];

  constructor(
    private readonly memory: Memory,
    private readonly allocate: (bytes: number) => Allocation,
  ) {}

  /** The address of the two f64 of the next dispatch. */
  next(name: string): number {
    if (this.names.length % dispatchesPerPage === 0)
      this.pages.push(this.allocate(16 * dispatchesPerPage));
    return this.address(this.names.push(name) - 1);
  }

  /** To be called once, when all have run. */
  finish(): KernelTiming[] {
    const { doubles } = this.memory;
    const timings = this.names.map((name, i) => {
      const at = this.address(i) >>> 3;
      const milliseconds = doubles[at + 1]! - doubles[at]!;
      return { name, nanoseconds: Math.max(Math.round(milliseconds * 1e6), 0) };
    });
    for (const page of this.pages.splice(0)) this.memory.release(page, 0);
    return timings;
  }

  private address(index: number): number {
    const page = this.pages[Math.floor(index / dispatchesPerPage)]!;
    return page.address + 16 * (index % dispatchesPerPage);
  }
}
