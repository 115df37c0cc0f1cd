/**
 * The course of Sinkhorn-Newton-Sparse for the problems of a batch: warm-up, Newton steps, and what falls back to
 * Sinkhorn. Decisions are made on the host, from a few numbers that are read after each step.
 *
 * Each step is followed by an iteration of Sinkhorn: the columns get their mass, what the rows then lack is the error
 * that a step must bring down, and the rows get theirs. So steps of the rows alone count, and a step that is long for
 * the model, as early ones are, is corrected at once. What is dropped from the plan shrinks with the error, which keeps
 * convergence faster than linear.
 */
import { ConvergenceError } from "../errors";
import { div, gt, where } from "../ops/arithmetic";
import { onesLike } from "../ops/creation";
import { sum } from "../ops/reduce";
import { cat } from "../ops/shape";
import { tensor } from "../tensor/creation";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { forEachTensor } from "../tensor/tree";
import { type BothSides, pairsOf, unbounded } from "./pairs";
import { Plan } from "./plan";
import { check, type SinkhornAttrs } from "./sinkhornLoop";
import {
  dualGain,
  listed,
  moved,
  newtonDirection,
  type Sides,
  type Sparsity,
  sparsities,
  survey,
  thresholds,
} from "./sinkhornNewtonSystem";
import { halfStep, type Side, sideOf, withoutPadding } from "./softmin";

const op = "transport.sinkhornNewton";

/** How one problem was solved. */
export interface NewtonReport {
  readonly newtonSteps: number;
  /** Iterations of Sinkhorn: warm-up, one with each step that was tried, and those after falling back. */
  readonly sinkhornIterations: number;
  readonly conjugateGradients: number;
  /** Entries of the fullest row or column in the last step; 0 where there was none. */
  readonly slots: number;
  /** Why Newton steps ended before the tolerance was reached, if they did. */
  readonly fallback: "dense" | "no progress" | null;
}

/** Of the error: what is dropped of the mass, and the least that is. */
const droppedOfError = 0.1;
const leastDropped = 1e-5;
/** Of conjugate gradients: the error itself, within these. */
const directionTolerance = [1e-4, 1e-2] as const;
const shortestStep = 1 / 64;
/**
 * Errors above this may rise in a step that brings the dual up by enough of what its slope promises: far from the
 * solution the error is no measure of it. Below, rounding would decide on the dual.
 */
const farError = 1e-3;
const enoughGain = 0.01;
/** Iterations of Sinkhorn where no step brings the error down, and how often that may be. */
const pause = 10;
const mostFailures = 2;

interface Progress {
  error: number;
  mass: number;
  status: "newton" | "sinkhorn" | "done";
  fallback: NewtonReport["fallback"];
  steps: number;
  iterations: number;
  conjugateGradients: number;
  slots: number;
  failures: number;
}

/** How a run goes: see `SinkhornNewtonOptions`. */
export interface NewtonSettings {
  readonly epsilon: number;
  readonly tolerance: number;
  readonly warmup: number;
  readonly maxSteps: number;
  readonly maxIterations: number;
  readonly captured: number;
  readonly slots: number;
  readonly maxConjugateGradients: number;
}

/** The problems of a batch on their way. */
export class NewtonRun {
  private readonly pairs: BothSides;
  private sides: Sides;
  private readonly progress: Progress[];
  private readonly held: Tensor[];

  constructor(
    private readonly inputs: readonly DeviceTensor[],
    private readonly attrs: SinkhornAttrs,
    private readonly settings: NewtonSettings,
  ) {
    const [f, g, log2A, log2B, ...cost] = inputs;
    const made = scope(() => ({
      pairs: pairsOf(cost, attrs.cost),
      sides: { rows: sideOf(f!, log2A!), cols: sideOf(g!, log2B!) },
    }));
    this.pairs = made.pairs;
    this.sides = made.sides;
    const { forward, swapped } = made.pairs;
    this.held = [forward, swapped].flatMap(({ rowPoints, colPoints }) => [rowPoints, colPoints]);
    this.progress = Array.from({ length: forward.problems }, () => ({
      error: Number.POSITIVE_INFINITY,
      mass: 0,
      status: "newton",
      fallback: null,
      ...{ steps: 0, iterations: 0, conjugateGradients: 0, slots: 0, failures: 0 },
    }));
  }

  dispose(): void {
    forEachTensor([this.held, this.sides, this.inputs], (t) => t.dispose());
  }

  /** The problems that Newton steps are for. */
  private get stepping(): boolean[] {
    return this.progress.map(({ status }) => status === "newton");
  }

  private leave(p: Progress, fallback: NewtonReport["fallback"]): void {
    p.status = "sinkhorn";
    p.fallback = fallback;
  }

  /**
   * Iterations of Sinkhorn, columns first, on some problems; the potentials of the others stay.
   * @returns [problems, 4]: in the third place the error of the rows before their last half
   */
  private iterate(
    { rows, cols }: Sides,
    which: readonly boolean[],
    epsilons: readonly number[],
  ): Tensor {
    const { forward, swapped } = this.pairs;
    const control = tensor(
      which.map((goes) => [goes ? 0 : 1, 0, 0, 0]),
      { device: forward.device },
    ) as DeviceTensor;
    const common = { damping: 1, bound: unbounded, relaxation: 1, tail: 1 };
    epsilons.forEach((epsilon) => {
      const step = { ...common, epsilon };
      halfStep(swapped, { rows: cols, cols: rows, control }, step);
      halfStep(forward, { rows, cols, control }, step);
    });
    check([rows, cols], control, forward.rows, { tolerance: -1, iteration: 0, caller: op });
    return control;
  }

  /** As `iterate`, on the potentials that there are, and takes note of the errors. */
  private async advance(which: readonly boolean[], epsilons: readonly number[]): Promise<void> {
    const control = this.iterate(this.sides, which, epsilons);
    const read = await control.data();
    control.dispose();
    this.progress.forEach((p, i) => {
      if (!which[i]) return;
      p.iterations += epsilons.length;
      this.note(p, read[4 * i + 2]!, read[4 * i + 3]!);
    });
  }

  private note(p: Progress, error: number, mass: number): void {
    p.error = error;
    p.mass = mass;
    if (error <= this.settings.tolerance) p.status = "done";
  }

  /** The mean cost of a pair that is not forbidden, of the problem in which it is greatest. */
  private async meanCost(): Promise<number> {
    const { cost } = this.attrs;
    const means = scope(() => {
      const [f, g, log2A, log2B, ...of] = this.inputs;
      // At a huge epsilon all pairs that are not forbidden have the mass a_i b_j.
      const pairs = new Plan([f!.shape[0]!], [f!, g!, log2A!, log2B!, ...of], {
        cost,
        epsilon: 1e20,
      });
      const total = (x: Tensor): Tensor => sum(x, { dim: -1 });
      return div(total(pairs.rowCosts()), total(pairs.apply(onesLike(g!))));
    });
    const read = await means.data();
    means.dispose();
    return Math.max(...Array.from(read, (mean) => (Number.isFinite(mean) ? mean : 0)));
  }

  /** From the mean cost down to ε in the first two thirds. */
  async warmUp(): Promise<void> {
    const { epsilon, warmup } = this.settings;
    const ratio = epsilon / Math.max(await this.meanCost(), epsilon);
    const epsilons = Array.from({ length: warmup }, (_, k) =>
      Math.max(epsilon, (epsilon / ratio) * ratio ** (k / (0.7 * warmup))),
    );
    // The last one judges.
    await this.advance(this.stepping, [...epsilons, epsilon]);
  }

  /** The largest θ that leaves enough mass in few enough entries, as its number; null: the plan is dense. */
  private threshold({ captured, most }: Sparsity, error: number): number | null {
    const { slots, captured: wanted } = this.settings;
    const dropped = Math.min(1 - wanted, Math.max(droppedOfError * error, leastDropped));
    const fits = thresholds.flatMap((_, k) => (most[k]! <= slots ? [k] : []));
    const enough = fits.find((k) => captured[k]! >= 1 - dropped);
    if (enough !== undefined) return enough;
    const densest = fits.at(-1);
    return densest !== undefined && captured[densest]! >= wanted ? densest : null;
  }

  async newton(): Promise<void> {
    const { maxSteps, maxIterations } = this.settings;
    for (let step = 0; step < maxSteps; step++) {
      if (!this.stepping.includes(true)) return;
      if (this.progress.some((p) => p.iterations >= maxIterations)) break;
      await this.step();
    }
    for (const p of this.progress) if (p.status === "newton") this.leave(p, "no progress");
  }

  private async step(): Promise<void> {
    const { pairs, settings, progress } = this;
    const { epsilon } = settings;
    let failed: boolean[] = [];
    const { system, levels } = survey(pairs, epsilon, this.sides);
    try {
      const found = sparsities(await levels.data());
      const chosen = progress.map((p, i) => {
        if (p.status !== "newton") return null;
        const k = this.threshold(found[i]!, p.error);
        if (k === null) this.leave(p, "dense");
        else p.slots = found[i]!.most[k]!;
        return k;
      });
      const goes = this.stepping;
      if (!goes.includes(true)) return;
      const slots = Math.max(...progress.map((p, i) => (goes[i] ? p.slots : 1)));
      const matrices = listed(
        pairs,
        epsilon,
        this.sides,
        chosen.map((k) => (k === null ? Number.POSITIVE_INFINITY : thresholds[k]!)),
        slots,
      );
      const [finest, coarsest] = directionTolerance;
      const least = Math.min(...progress.flatMap((p, i) => (goes[i] ? [p.error] : [])));
      try {
        const { x, iterations, slopes } = await newtonDirection(system, matrices, {
          maxIterations: settings.maxConjugateGradients,
          tolerance: Math.min(coarsest, Math.max(finest, least)),
        });
        progress.forEach((p, i) => {
          if (!goes[i]) return;
          p.steps++;
          p.conjugateGradients += iterations[i]!;
        });
        try {
          failed = await this.search(x, slopes, goes);
        } finally {
          x.dispose();
        }
      } finally {
        forEachTensor(matrices, (t) => t.dispose());
      }
    } finally {
      system.dispose();
      levels.dispose();
    }
    if (failed.includes(true)) await this.advance(failed, new Array(pause).fill(epsilon));
  }

  /**
   * Halves the step of each problem until its error has come down, or far from the solution the dual up.
   * @returns the problems that no step is good for
   */
  private async search(
    x: DeviceTensor,
    slopes: ArrayLike<number>,
    goes: readonly boolean[],
  ): Promise<boolean[]> {
    const { pairs, settings, progress } = this;
    let open = [...goes];
    for (let length = 1; open.includes(true) && length >= shortestStep; length /= 2) {
      const steps = open.map((is) => (is ? length : 0));
      const trial = moved(pairs, settings.epsilon, this.sides, x, steps);
      const judged = scope(() =>
        cat(
          [
            this.iterate(trial, open, [settings.epsilon]),
            dualGain(this.sides, trial, settings.epsilon),
          ],
          1,
        ),
      );
      const read = await judged.data();
      judged.dispose();
      const accepted = open.map((is, i) => {
        const [error, gain] = [read[5 * i + 2]!, read[5 * i + 4]!];
        const before = progress[i]!.error;
        if (!is || error <= settings.tolerance || error <= (1 - 0.01 * length) * before) return is;
        return before > farError && gain >= enoughGain * length * settings.epsilon * slopes[i]!;
      });
      progress.forEach((p, i) => {
        if (open[i]) p.iterations++;
        if (accepted[i]) this.note(p, read[5 * i + 2]!, read[5 * i + 3]!);
      });
      this.take(trial, accepted);
      open = open.map((is, i) => is && !accepted[i]);
    }
    progress.forEach((p, i) => {
      if (open[i] && ++p.failures >= mostFailures) this.leave(p, "no progress");
    });
    return open;
  }

  /** The potentials of `trial` where they were accepted. */
  private take(trial: Sides, accepted: readonly boolean[]): void {
    const before = this.sides;
    if (accepted.every((is) => is)) {
      this.sides = trial;
      forEachTensor(before, (t) => t.dispose());
      return;
    }
    if (accepted.includes(true)) {
      this.sides = scope(() => {
        const mask = tensor(
          accepted.map((is) => [[is ? 1 : 0]]),
          { device: this.pairs.forward.device },
        );
        const yes = gt(mask, 0);
        const choose = (a: DeviceTensor, b: DeviceTensor): DeviceTensor =>
          where(yes, a, b) as DeviceTensor;
        const side = (a: Side, b: Side): Side => ({
          f: choose(a.f, b.f),
          level: choose(a.level, b.level),
          account: choose(a.account, b.account),
        });
        return { rows: side(trial.rows, before.rows), cols: side(trial.cols, before.cols) };
      });
      forEachTensor(before, (t) => t.dispose());
    }
    forEachTensor(trial, (t) => t.dispose());
  }

  /** Sinkhorn for those that Newton left. */
  async finish(): Promise<void> {
    const { maxIterations, epsilon } = this.settings;
    for (;;) {
      const goes = this.progress.map((p) => p.status !== "done" && p.iterations < maxIterations);
      if (!goes.includes(true)) return;
      const left = Math.min(
        ...this.progress.flatMap((p, i) => (goes[i] ? [maxIterations - p.iterations] : [])),
      );
      await this.advance(goes, new Array(Math.min(pause, left)).fill(epsilon));
    }
  }

  /** As `transportSinkhorn` gives them. */
  result(): Tensor[] {
    const [f, g] = this.inputs;
    const { rows, cols } = this.sides;
    const control = tensor(
      this.progress.map(({ status, iterations, steps, error, mass }) => [
        status === "done" ? 1 : 0,
        iterations + steps,
        error,
        mass,
      ]),
      { device: f!.device },
    );
    const [potentials, levels] = (["f", "level"] as const).map((name) => [
      withoutPadding(rows[name], f!.shape),
      withoutPadding(cols[name], g!.shape),
    ]);
    return [...potentials!, control, ...levels!];
  }

  get reports(): NewtonReport[] {
    return this.progress.map((p) => ({
      newtonSteps: p.steps,
      sinkhornIterations: p.iterations,
      conjugateGradients: p.conjugateGradients,
      slots: p.slots,
      fallback: p.fallback,
    }));
  }

  /** @throws ConvergenceError for the first problem that is not done */
  requireDone(): void {
    const at = this.progress.findIndex(({ status }) => status !== "done");
    if (at < 0) return;
    const { error, iterations, steps } = this.progress[at]!;
    throw new ConvergenceError(
      `${op}: problem ${at} has a marginal error of ${error.toPrecision(2)} after ${iterations} iterations and ${steps} Newton steps; tolerance is ${this.settings.tolerance}. Allow more iterations, use a larger epsilon, or leave out strict and read converged.`,
    );
  }
}
