/** How fast a run trains, and what one step costs in dispatches and submits. */

import type { Executor } from "../device/executor";
import type { TrainStep } from "../train/trainStep";

/**
 * Speed counts training only: time inside `aside` is left out, and so is the first stretch, in which
 * kernels are compiled, unless there is no other.
 */
export class StepMeter {
  readonly #executor: Executor;
  readonly #tokensPerStep: number;
  readonly #now: () => number;
  readonly #began: number;
  #lastMark: number;
  #lastStep: number;
  /** Milliseconds since the last mark that were no training. */
  #aside = 0;
  #warm = { steps: 0, milliseconds: 0 };
  #cold = { steps: 0, milliseconds: 0 };
  #skipsNext = true;
  #steps = 0;
  #dispatches = 0;
  #submits = 0;

  /**
   * @param step finished steps at the beginning
   * @param now milliseconds
   */
  constructor(executor: Executor, tokensPerStep: number, step: number, now: () => number) {
    this.#executor = executor;
    this.#tokensPerStep = tokensPerStep;
    this.#now = now;
    this.#lastStep = step;
    this.#began = now();
    this.#lastMark = this.#began;
  }

  /** The same step, whose commands are counted. */
  counting<B>(step: TrainStep<B>): TrainStep<B> {
    const { counters } = this.#executor;
    return new Proxy(step, {
      apply: (target, _, [batch]: [B]) => {
        const { dispatches, submits } = counters;
        const result = target(batch);
        this.#steps++;
        this.#dispatches += counters.dispatches - dispatches;
        this.#submits += counters.submits - submits;
        return result;
      },
    });
  }

  /** Does work that is no training. */
  async aside<T>(work: () => Promise<T>): Promise<T> {
    const began = this.#now();
    try {
      return await work();
    } finally {
      this.#aside += this.#now() - began;
    }
  }

  /** The stretch up to the next mark does not count for the total, for something slows it down. */
  skipStretch(): void {
    this.#skipsNext = true;
  }

  /** Ends a stretch of training, whose steps are known to be done. Returns its tokens a second. */
  mark(step: number): number {
    const now = this.#now();
    const milliseconds = Math.max(now - this.#lastMark - this.#aside, 1e-3);
    const steps = step - this.#lastStep;
    const sum = this.#skipsNext ? this.#cold : this.#warm;
    sum.steps += steps;
    sum.milliseconds += milliseconds;
    this.#skipsNext = false;
    this.#lastMark = now;
    this.#lastStep = step;
    this.#aside = 0;
    return this.#rate({ steps, milliseconds });
  }

  /** Since the meter was made. */
  get seconds(): number {
    return (this.#now() - this.#began) / 1000;
  }

  get tokensPerSecond(): number {
    return this.#rate(this.#warm.steps > 0 ? this.#warm : this.#cold);
  }

  /** The mean over all steps: whole where all are alike. */
  get perStep(): { dispatches: number; submits: number } {
    const mean = (total: number): number =>
      this.#steps === 0 ? 0 : Math.round((100 * total) / this.#steps) / 100;
    return { dispatches: mean(this.#dispatches), submits: mean(this.#submits) };
  }

  #rate({ steps, milliseconds }: { steps: number; milliseconds: number }): number {
    if (steps === 0) return 0;
    return Math.round((10_000 * steps * this.#tokensPerStep) / milliseconds) / 10;
  }
}
