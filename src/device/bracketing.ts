/**
 * Timing without timestamp queries: a dispatch is submitted alone, on an idle device, and the host takes the
 * time until it is told of the end, less the round trip of a submit that does nothing. What is left of
 * the round trip's variation, tens of microseconds, is below this method's resolution.
 *
 * Recording does not wait and timing does. So while this goes on every command is held back, reads and
 * writes included, and all are carried out in the order in which they came.
 */
import type { BufferBinding, KernelTiming, Program } from "./executor";
import { timedDispatch } from "./timedDispatch";

/** Round trips of which the shortest counts. */
const roundTrips = 10;

export interface BracketedQueue {
  /** Submits what was recorded. */
  flush(): void;
  submitNothing(): void;
  /** Resolves when all that was submitted has run. */
  idle(): Promise<void>;
}

export class BracketedTiming {
  private readonly held: (() => Promise<void>)[] = [];
  private readonly timings: KernelTiming[] = [];
  private carrying: Promise<void> | null = null;
  private roundTrip = 0;
  private began: number | null = null;

  constructor(private readonly queue: BracketedQueue) {
    this.add(() => this.measureRoundTrip());
  }

  /** Carries out a command when its turn comes. An error it throws must be kept by the executor. */
  hold(command: () => void): void {
    this.add(async () => command());
  }

  /** Carries out a dispatch when its turn comes, and times it. @param record gets a copy of the parameters */
  holdDispatch(
    program: Program,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
    record: (params: Uint8Array | null) => void,
  ): void {
    const dispatch = timedDispatch(program, bindings, params, grid);
    this.add(async () => {
      this.queue.flush();
      await this.queue.idle();
      const begin = performance.now();
      record(dispatch.params);
      this.queue.flush();
      await this.queue.idle();
      const end = performance.now();
      this.began ??= begin;
      this.timings.push({
        ...dispatch,
        nanoseconds: nanoseconds(end - begin - this.roundTrip),
        start: nanoseconds(begin - this.began),
      });
    });
  }

  /** What `work` gives when its turn comes; what comes after it does not wait for it to end. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.hold(() => work().then(resolve, reject));
    });
  }

  /** The timings, once nothing is held back any more. @param ended called at that very moment */
  async finish(ended: () => void): Promise<KernelTiming[]> {
    while (this.carrying) await this.carrying;
    ended();
    return this.timings;
  }

  private add(turn: () => Promise<void>): void {
    this.held.push(turn);
    this.carrying ??= this.carryOut();
  }

  private async carryOut(): Promise<void> {
    for (let turn = this.held[0]; turn; turn = this.held[0]) {
      // A device that failed keeps its failure and throws it at whoever uses it next.
      await turn().catch(() => undefined);
      this.held.shift();
    }
    this.carrying = null;
  }

  private async measureRoundTrip(): Promise<void> {
    await this.queue.idle();
    let shortest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < roundTrips; i++) {
      const begin = performance.now();
      this.queue.submitNothing();
      await this.queue.idle();
      shortest = Math.min(shortest, performance.now() - begin);
    }
    this.roundTrip = shortest;
  }
}

const nanoseconds = (milliseconds: number): number => Math.max(Math.round(milliseconds * 1e6), 0);
