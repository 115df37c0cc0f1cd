/** A run of suites: its engines, how cases are measured, and the rows found. */
import type { Roofline } from "../../src/profile/roofline";
import type { Options } from "./commandLine";
import { type Engine, EngineError } from "./engine";
import type { EngineKind } from "./engines";
import { figures, type Row } from "./row";

/** What an engine is asked to do. */
export interface Case {
  readonly name: string;
  /** Known to the engines under this name. */
  readonly task: string;
  /**
   * Of the task. `repeats`: times that the operation is done between two waits, so that an operation is timed
   * and not the wait.
   */
  readonly options: Readonly<Record<string, unknown>> & { readonly repeats?: number };
  /** Arithmetic of one operation, and bytes that it reads and writes at least: for rates. */
  readonly flops?: number;
  readonly bytes?: number;
  /** Left out of quick runs. */
  readonly long?: boolean;
}

export interface Suite {
  readonly name: string;
  /** One line for the list of suites. */
  readonly summary: string;
  run(bench: Bench): Promise<void>;
}

/** A running engine. */
export interface Running {
  readonly kind: EngineKind;
  readonly engine: Engine;
}

/** One column of turns: an engine that has made its task. */
export interface Turn {
  readonly label: string;
  readonly kind: EngineKind;
  readonly engine: Engine;
  readonly key: string;
  readonly samples: number[];
  /** Set when the engine fails: no more turns. */
  failure: string | null;
}

const message = (error: unknown): string =>
  error instanceof EngineError ? error.message.split("\n")[0]! : String(error);

export class Bench {
  readonly rows: Row[] = [];
  /** Versions by engine, of those that have run. */
  readonly versions = new Map<string, string>();

  /** What our engine computes on, in its words; empty before it has run. */
  adapter = "";
  /** Whether that is a GPU. */
  hardware = false;
  /** Of that adapter, once it has been asked for. */
  #roofline: Roofline | null = null;

  constructor(
    readonly options: Options,
    readonly engines: readonly EngineKind[],
    private readonly print: (row: Row, rate: string) => void,
  ) {}

  get ours(): EngineKind {
    return this.engines[0]!;
  }

  /** Those that most suites compare: compiled steps are a matter of training. */
  get compared(): EngineKind[] {
    return this.engines.filter(({ name }) => name !== "tilegrad eager");
  }

  emit(row: Row, rate = ""): void {
    this.rows.push(row);
    this.print(row, rate);
  }

  /** The adapter that rows of an engine name. */
  adapterOf(kind: EngineKind): string {
    return kind.executor === "native" || kind.executor === "wasm" ? "CPU" : this.adapter;
  }

  /** A row without figures. */
  without(suite: string, name: string, kind: EngineKind, note: string): void {
    this.emit({
      ...{ suite, case: name, engine: kind.name, executor: kind.executor },
      ...{ adapter: this.adapterOf(kind), unit: "ms", ...figures([], []), note },
    });
  }

  /** Starts the engines that are here; says of the others in a row that they are missing. */
  async start(
    suite: string,
    kinds: readonly EngineKind[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Running[]> {
    const running: Running[] = [];
    for (const kind of kinds) {
      if (kind.missing) {
        this.without(suite, "all", kind, `missing: ${kind.missing}`);
        continue;
      }
      const engine = kind.start(env);
      try {
        const { adapter, version, hardware = false } = await engine.about();
        if (kind === this.ours) {
          this.adapter = adapter;
          this.hardware = hardware;
        }
        this.versions.set(kind.name, version);
        running.push({ kind, engine });
      } catch (error) {
        engine.end();
        this.without(suite, "all", kind, `does not start: ${message(error)}`);
      }
    }
    return running;
  }

  /** Makes the task on an engine and runs it once, which compiles. Null, and a row that says why, if it cannot. */
  async prepare(suite: string, name: string, task: Case, running: Running): Promise<Turn | null> {
    const { kind, engine } = running;
    try {
      if (!(await engine.make(name, task.task, task.options))) {
        this.without(suite, name, kind, "does not have this");
        return null;
      }
      await engine.first(name);
    } catch (error) {
      this.without(suite, name, kind, `fails: ${message(error)}`);
      return null;
    }
    return { label: kind.name, kind, engine, key: name, samples: [], failure: null };
  }

  /**
   * Samples the engines in turns, so that other load on the machine meets all of them alike. Ours is measured at
   * both ends of a round, if it is among them: the second is the control.
   */
  async takeTurns(turns: readonly Turn[], repeats = 1): Promise<Turn[]> {
    const [rounds, budget] = this.options.quick ? [3, 1500] : [7, 8000];
    const all = [...turns];
    const own = turns.find(({ kind }) => kind === this.ours);
    if (own) all.push({ ...own, label: "control", samples: [] });
    const spent = all.map(() => 0);
    for (let round = 0; round < rounds; round++)
      for (const [i, turn] of all.entries()) {
        // Slow ones get fewer rounds, though two.
        if (turn.failure || (round > 1 && spent[i]! > budget)) continue;
        const start = performance.now();
        try {
          const samples = await turn.engine.sample(turn.key, 1, budget / 1000 / rounds / 2);
          turn.samples.push(...samples.map((ms) => ms / repeats));
        } catch (error) {
          turn.failure = message(error);
        }
        spent[i]! += performance.now() - start;
      }
    return all;
  }

  /** Rows of what the turns found. */
  report(
    suite: string,
    name: string,
    turns: readonly Turn[],
    more: (turn: Turn) => Partial<Row> & { rate?: string } = () => ({}),
  ): void {
    const ours = turns.find(({ label }) => label === this.ours.name)?.samples ?? [];
    for (const turn of turns) {
      const { rate = "", ...extra } = more(turn);
      this.emit(
        {
          ...{ suite, case: name, engine: turn.label, executor: turn.kind.executor },
          ...{ adapter: this.adapterOf(turn.kind), unit: "ms" },
          ...figures(turn.failure ? [] : turn.samples, ours),
          ...extra,
          ...(turn.failure ? { note: `fails: ${turn.failure}` } : {}),
        },
        rate,
      );
    }
  }

  /** The roofline of our adapter if it is asked for, else null. */
  async rooflineOf(suite: string, running: readonly Running[]): Promise<Roofline | null> {
    const ours = running.find(({ kind }) => kind === this.ours)?.engine;
    if (!this.options.roofline || !ours) return null;
    if (!this.#roofline && (await ours.make("roofline", "roofline", {}))) {
      this.#roofline = (await ours.call("roofline", "measure")) as Roofline;
      const { gigabytesPerSecond, gigaflopsPerSecond } = this.#roofline;
      this.emit({
        ...{ suite, case: "roofline", engine: this.ours.name, executor: this.ours.executor },
        ...{ adapter: this.adapter, unit: "ms", ...figures([], []), ...this.#roofline },
        note: `copies ${gigabytesPerSecond.toFixed(1)} GB/s, multiply-adds ${gigaflopsPerSecond.toFixed(1)} GFLOP/s`,
      });
    }
    return this.#roofline;
  }

  /** Measures cases on engines. Default: all that suites compare. */
  async compare(suite: string, cases: readonly Case[], kinds = this.compared): Promise<void> {
    const running = await this.start(suite, kinds);
    try {
      const roofline = await this.rooflineOf(suite, running);
      for (const task of cases) {
        if (task.long && this.options.quick) continue;
        const turns: Turn[] = [];
        for (const each of running) {
          const turn = await this.prepare(suite, task.name, task, each);
          if (turn) turns.push(turn);
        }
        const measured = await this.takeTurns(turns, task.options.repeats);
        this.report(suite, task.name, measured, ({ samples, kind }) =>
          ratesOf(task, samples, this.adapterOf(kind) === this.adapter ? roofline : null),
        );
        for (const { engine, key, failure } of turns)
          if (!failure) await engine.drop(key).catch(() => undefined);
      }
    } finally {
      for (const { engine } of running) engine.end();
    }
  }
}

/** Work by the fastest sample's time, as the roofline is that of the fastest reading; and both for the table. */
export function ratesOf(
  { flops, bytes }: Pick<Case, "flops" | "bytes">,
  samples: readonly number[],
  roofline: Roofline | null,
): Partial<Row> & { rate?: string } {
  const work = flops ?? bytes;
  if (samples.length === 0 || !work) return {};
  const perSecond = work / Math.min(...samples) / 1e6;
  const peak = flops ? roofline?.gigaflopsPerSecond : roofline?.gigabytesPerSecond;
  const rate = `${perSecond.toFixed(1)} ${flops ? "GFLOP/s" : "GB/s"}`;
  return {
    ...(flops ? { gigaflopsPerSecond: perSecond } : { gigabytesPerSecond: perSecond }),
    ...(peak ? { ofRoofline: perSecond / peak } : {}),
    rate: peak ? `${rate}, ${((100 * perSecond) / peak).toFixed(0)} % of the roofline` : rate,
  };
}
