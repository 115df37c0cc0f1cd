/**
 * Waiting without burning a core. Dawn in Node spins while a map or a done-callback is pending, and on a
 * software driver the shaders need that core. So the host first sleeps for most of the time the work is
 * expected to take, learnt from the sections before.
 */
export class Patience {
  private millisecondsPerDispatch = 0;

  constructor(private readonly sleeps: boolean) {}

  /** Awaits `done` for work of `dispatches` that began at `since` (performance.now). */
  async until<T>(done: () => Promise<T>, dispatches: number, since: number): Promise<T> {
    if (this.sleeps) {
      const expected = since + 0.6 * this.millisecondsPerDispatch * dispatches - performance.now();
      if (expected > 4)
        await new Promise((resolve) => setTimeout(resolve, Math.min(expected, 2000)));
    }
    const result = await done();
    if (dispatches > 0) {
      const measured = (performance.now() - since) / dispatches;
      const known = this.millisecondsPerDispatch;
      // Rises slowly and falls at once: oversleeping costs time, undersleeping only heat.
      this.millisecondsPerDispatch =
        known === 0 || measured < known ? measured : known * 0.9 + measured * 0.1;
    }
    return result;
  }
}
