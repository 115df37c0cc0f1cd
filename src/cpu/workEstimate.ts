/**
 * How long a dispatch takes, learnt from those before that did the same kernel on as many workgroups and
 * bytes. It decides how work is divided, never what is computed.
 */
import type { Memory } from "./memory";

/** Dispatches after which older times count for half. */
const runsRemembered = 16;

/** Kinds of dispatch that are told apart; beyond, all is learnt anew. */
const kinds = 16_384;

export class WorkEstimates {
  /** Addresses by kind of dispatch. */
  private readonly addresses = new Map<number, number>();
  private readonly start: number;

  constructor(private readonly memory: Memory) {
    this.start = memory.allocate(8 * kinds)!.address;
  }

  /** Where threads add the time (tenths of microseconds) and the workgroups of each run of such a dispatch. */
  address(kernel: number, groups: number, bytes: number): number {
    // Kinds that meet in one key only make an estimate worse.
    const key = (kernel * 65_599 + groups) * 65_599 + bytes;
    let address = this.addresses.get(key);
    if (address === undefined) {
      if (this.addresses.size === kinds) this.addresses.clear();
      address = this.start + 8 * this.addresses.size;
      this.addresses.set(key, address);
      this.set(address, 0, 0);
    }
    return address;
  }

  /** Microseconds that all workgroups take on one thread; null before the first has run. */
  microseconds(address: number, groups: number): number | null {
    const time = Atomics.load(this.memory.words, address >>> 2);
    const ran = Atomics.load(this.memory.words, (address >>> 2) + 1);
    if (ran <= 0) return null;
    // What a thread adds between these lines is lost; an estimate can bear it.
    if (ran > runsRemembered * groups || time > 1 << 29)
      this.set(address, Math.round(time / 2), Math.ceil(ran / 2));
    return (time / 10) * (groups / ran);
  }

  private set(address: number, time: number, ran: number): void {
    Atomics.store(this.memory.words, address >>> 2, time);
    Atomics.store(this.memory.words, (address >>> 2) + 1, ran);
  }
}
