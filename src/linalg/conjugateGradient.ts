/**
 * Conjugate gradients on tensors with memory, for use inside primitives: A is given by what computes A p, the vectors
 * of an iteration are updated by one kernel, and what is decided (go on, start again, solved, stopped) is decided
 * and kept on the device, problem by problem. Nobody waits; steps after a problem has ended change nothing of it.
 */
import { launch, linalgCg } from "../kernels";
import { runUnaryInto } from "../ops/pointwise";
import { planRows } from "../ops/rowTeam";
import { DeviceTensor } from "../tensor/deviceTensor";
import { filled } from "./batches";

/** Numbers in the control record of a problem: see `cgControl`. */
export const controlSize = 8;

/** Where they stand. `state` is 0 or 1 while the problem goes on, 2 once it is solved, 3 where it stopped. */
export const cgControl = { state: 0, iterations: 1, residual: 3, bound: 4 } as const;

/** f32, dense, [problems, n] all of them. */
export interface CgWork {
  readonly b: DeviceTensor;
  readonly x: DeviceTensor;
  /** b - A x, or near it. */
  readonly r: DeviceTensor;
  /** What A is multiplied by next: a direction, or x. */
  readonly p: DeviceTensor;
  /** A p, from the caller, before each step but a first one from zero. */
  readonly q: DeviceTensor;
  /** Of a diagonal preconditioner, near the diagonal of the inverse of A; null for none. */
  readonly diagonal: DeviceTensor | null;
  /** f32 [problems, 8]: see `cgControl`. */
  readonly control: DeviceTensor;
}

export interface CgStepOptions {
  /** In the first step: `zero` sets x = 0 and needs no q; `guess` begins at x = p as given, with q = A x. */
  start?: "zero" | "guess";
  /** In the last two steps: the first of them makes p = x, the second judges x by b - A x. */
  last?: boolean;
  /** A problem is solved where |b - A x| <= max(tolerance |b|, absolute); read in the first step. */
  tolerance?: number;
  absolute?: number;
  /**
   * `r`: only up to r, for a preconditioner that is not a diagonal. `p`: the rest of the step, with z = M r in
   * place of the diagonal. Default: the whole step.
   */
  part?: "r" | "p";
}

const parts = { whole: 0, r: 1, p: 2 } as const;

/** One iteration of every problem that goes on, from q = A p: one dispatch. */
export function cgStep(work: CgWork, options: CgStepOptions = {}): void {
  const { b, x, r, p, q, diagonal, control } = work;
  const { start, last = false, tolerance = 0, absolute = 0, part } = options;
  const [problems, n] = b.shape as [number, number];
  const { team, V, cols, grid } = planRows(b.device, problems, n);
  launch(
    b.device,
    linalgCg,
    {
      p: p.binding,
      q: q.binding,
      x: x.binding,
      r: r.binding,
      b: b.binding,
      m: (diagonal ?? b).binding,
      control: control.binding,
    },
    {
      problems,
      cols,
      start: start === undefined ? 0 : start === "zero" ? 1 : 2,
      last: last ? 1 : 0,
      tolerance,
      absolute,
    },
    grid,
    {
      types: { V },
      constants: { TEAM: team, PART: parts[part ?? "whole"], DIAGONAL: diagonal ? 1 : 0 },
    },
  );
}

/** What a solver needs beside b: memory of its own, which the caller disposes. */
export function cgWork(b: DeviceTensor, diagonal: DeviceTensor | null): CgWork {
  const empty = (): DeviceTensor => DeviceTensor.empty(b.device, b.shape, "f32");
  const control = filled(b, [b.shape[0]!, controlSize], "f32");
  return { b, diagonal, x: empty(), r: empty(), p: empty(), q: empty(), control };
}

export interface ConjugateGradientOptions {
  /** Where to begin. Default: at 0, which saves a product. */
  guess?: DeviceTensor;
  /** See `CgWork`. */
  diagonal?: DeviceTensor | null;
  /** Writes M r to z, for a preconditioner that is not a diagonal. */
  precondition?: (r: DeviceTensor, z: DeviceTensor) => void;
  /** Iterations at most; each takes a product with A, and one more judges the result. */
  maxIterations: number;
  tolerance: number;
  absolute?: number;
}

/**
 * x with A x = b, for a symmetric A without negative eigenvalues and b in its range.
 *
 * @param b f32 [problems, n] dense; nothing is changed of it
 * @param product writes A p to q, both [problems, n] dense. It may leave out the problems whose state in `control`
 * is 2 or more, of which nobody reads q
 * @returns x and the control records, new tensors: see `cgControl`
 */
export function conjugateGradient(
  b: DeviceTensor,
  product: (p: DeviceTensor, q: DeviceTensor, control: DeviceTensor) => void,
  options: ConjugateGradientOptions,
): { x: DeviceTensor; control: DeviceTensor } {
  const { guess, diagonal = null, precondition, maxIterations, tolerance, absolute = 0 } = options;
  const work = cgWork(b, diagonal);
  const { p, q, x, r, control } = work;
  const z = precondition && DeviceTensor.empty(b.device, b.shape, "f32");
  const step = (more: CgStepOptions): void => {
    cgStep(work, precondition ? { ...more, part: "r" } : more);
    if (!precondition || !z) return;
    precondition(r, z);
    cgStep({ ...work, diagonal: z }, { part: "p" });
  };
  const begin = { tolerance, absolute };
  const last = maxIterations === 0;
  if (guess) {
    for (const vector of [x, p]) runUnaryInto(guess, vector, { OP: "op_id" });
    product(p, q, control);
    step({ ...begin, start: "guess", last });
  } else step({ ...begin, start: "zero", last });
  if (!last)
    for (let i = 0; i <= maxIterations; i++) {
      product(p, q, control);
      step({ last: i >= maxIterations - 1 });
    }
  for (const made of [p, q, r, z]) made?.dispose();
  return { x, control };
}
