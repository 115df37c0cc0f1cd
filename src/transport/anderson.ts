/**
 * Anderson acceleration of a fixed-point iteration: the next point is the combination of past ones whose residuals
 * cancel best. Anderson, Iterative procedures for nonlinear integral equations, 1965; type II of Fang and Saad, Two
 * classes of multisecant methods, 2009. See shaders/transport/anderson.wgsl for the formulas.
 */
import { ArgumentError } from "../errors";
import { launch, transportAnderson } from "../kernels";
import { requireRounds } from "../ops/rounds";
import { planRows } from "../ops/rowTeam";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { blank, scaleOf } from "./pairs";
import type { Side } from "./softmin";

/** How potentials are mixed. */
export interface Mixing {
  /** Past iterations that are combined. */
  readonly memory: number;
  /** Iterations from one mixing to the next; those between count as one with it. */
  readonly every: number;
  /** Iterations before. */
  readonly start: number;
}

const most = 8;
/** Of a problem: see `state` of the kernel. */
const stateSize = 2 + most * most;

/** @throws ArgumentError */
export function mixingOf(op: string, given: Partial<Mixing>): Mixing {
  if (typeof given !== "object" || given === null)
    throw new ArgumentError(`${op}: anderson must be options, { memory: 5 }.`);
  const { memory = 5, every = 1, start = 0 } = given;
  if (!(Number.isInteger(memory) && memory >= 2 && memory <= most))
    throw new ArgumentError(
      `${op}: anderson.memory ${memory} must be a whole number from 2 to ${most}.`,
    );
  return {
    memory,
    every: requireRounds(op, "anderson.every", every),
    start: requireRounds(op, "anderson.start", start, 0),
  };
}

/** What mixes the potentials of a side, of those problems that are not done: to be called after an iteration. */
export function mixer(
  { f, level, account }: Side,
  control: DeviceTensor,
  rows: number,
  { memory, epsilon }: { memory: number; epsilon: number },
): () => void {
  const { device } = f;
  const [problems, , pad] = f.shape as [number, number, number];
  const history = blank(device, [problems, 4 + 2 * memory, pad]);
  const state = blank(device, [problems, stateSize]);
  const { team, grid } = planRows(device, problems, rows);
  return () =>
    launch(
      device,
      transportAnderson,
      {
        f: f.binding,
        level: level.binding,
        account: account.binding,
        control: control.binding,
        history: history.binding,
        state: state.binding,
      },
      { problems, rows, pad, memory, scale: scaleOf(epsilon), tail: 1 },
      grid,
      { constants: { TEAM: team } },
    );
}
