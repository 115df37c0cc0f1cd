/** Chooses by remembered winners, then by those that ship with the library, then by the default. */
import type { Choice, Chooser, Variant } from "../ops/variants";
import { classOf, nameOf } from "./problemClass";
import type { Winners } from "./winners";

export class TunedChooser implements Chooser {
  version = 1;
  /** Sees every choice with what was chosen. */
  onChoice: ((choice: Choice<Variant>, problem: string) => void) | null = null;
  private trial: { readonly problem: string; readonly name: string } | null = null;

  /** @param remembered is written to by `remember` */
  constructor(
    private readonly remembered: Record<string, string>,
    private readonly shipped: Winners,
  ) {}

  choose<V extends Variant>(choice: Choice<V>): V {
    const problem = classOf(choice);
    this.onChoice?.(choice, problem);
    const name =
      this.trial?.problem === problem
        ? this.trial.name
        : (this.remembered[problem] ?? this.shipped[problem]);
    // A class holds problems to which the winner for another of them may not apply.
    const tuned =
      name === undefined ? undefined : choice.candidates().find((v) => nameOf(v) === name);
    return tuned ?? choice.defaultChoice();
  }

  knows(problem: string): boolean {
    return this.remembered[problem] !== undefined;
  }

  get winners(): Winners {
    return this.remembered;
  }

  remember(problem: string, name: string): void {
    this.remembered[problem] = name;
    this.version++;
  }

  /** Has one variant chosen for a class while `run` runs. */
  trying<T>(problem: string, name: string, run: () => T): T {
    this.trial = { problem, name };
    try {
      return run();
    } finally {
      this.trial = null;
    }
  }
}
