/**
 * Whole sequences through a recurrent layer. The products with the input are one matrix product before the
 * recurrence; on the way back the weights' cotangents are one product after it, not one per step.
 */
import { add, gt, mul, sub, where } from "../ops/arithmetic";
import { zerosLike } from "../ops/creation";
import { relu, tanh } from "../ops/functions";
import { linear, matmul } from "../ops/matmul";
import { gruGates, gruGatesBackward, lstmGates, lstmGatesBackward } from "../ops/recurrent";
import { sum } from "../ops/reduce";
import { cat, narrow, reshape, transpose, unsqueeze } from "../ops/shape";
import type { Tensor } from "../tensor/tensor";
import { customVjp } from "../transforms/customVjp";
import { scan } from "../transforms/scan";

/** What one step does with the gates that input and state give. States are lists; h comes first. */
interface Step {
  next(gi: Tensor, gh: Tensor, states: readonly Tensor[]): Tensor[];
  /** Cotangents of gi, gh and the states, but for what h gets through its product with the weights. */
  back(
    gi: Tensor,
    gh: Tensor,
    states: readonly Tensor[],
    cotangents: readonly Tensor[],
  ): { gi: Tensor; gh: Tensor; states: readonly (Tensor | null)[] };
}

const lstmStep: Step = {
  next: (gi, gh, [, c]) => lstmGates(gi, gh, c!),
  back(gi, gh, [, c], [dh, dc]) {
    const [gates, before] = lstmGatesBackward([gi, gh, c!], dh!, dc!);
    return { gi: gates, gh: gates, states: [null, before] };
  },
};

const gruStep: Step = {
  next: (gi, gh, [h]) => [gruGates(gi, gh, h!)],
  back(gi, gh, [h], [dh]) {
    const [dgi, dgh, before] = gruGatesBackward([gi, gh, h!], dh!);
    return { gi: dgi, gh: dgh, states: [before] };
  },
};

const plainStep = (of: (x: Tensor) => Tensor, slope: (y: Tensor) => Tensor): Step => ({
  next: (gi, gh) => [of(add(gi, gh))],
  back(gi, gh, _, [dh]) {
    const gates = mul(dh!, slope(of(add(gi, gh))));
    return { gi: gates, gh: gates, states: [null] };
  },
});

export const steps = {
  lstm: lstmStep,
  gru: gruStep,
  tanh: plainStep(tanh, (y) => sub(1, mul(y, y))),
  relu: plainStep(relu, (y) => where(gt(y, 0), 1, 0)),
} as const;

export interface Sequence {
  /** Gates that the input gives, [time, batch, gates · width]. */
  readonly gi: Tensor;
  /** The states before the first step, [batch, width] each. */
  readonly states: readonly Tensor[];
  /** [gates · width, width] */
  readonly weight: Tensor;
  /** [gates · width] */
  readonly bias: Tensor | null;
}

/** Every state of every step, [time, batch, width] each, at the time of its input. */
export function sequence(
  kind: keyof typeof steps,
  inputs: Sequence,
  reverse: boolean,
): readonly Tensor[] {
  const step = steps[kind];
  const run = customVjp({
    name: kind,
    forward(given: Sequence) {
      const { gi, states, weight, bias } = given;
      const [, all] = scan(
        (before: readonly Tensor[], g: Tensor) => {
          const next = step.next(g, linear(before[0]!, weight, bias ?? undefined), before);
          return [next, next] as [readonly Tensor[], Tensor[]];
        },
        states,
        gi,
        { reverse },
      );
      return { output: all, residuals: { given, all } };
    },
    backward({ given, all }, cotangents: Tensor[]) {
      const { gi, states, weight, bias } = given;
      const before = all.map((s, i) => shifted(s, states[i]!, reverse));
      const gh = linear(before[0]!, weight, bias ?? undefined);
      const [first, gates] = scan(
        (
          later: readonly Tensor[],
          now: { gi: Tensor; gh: Tensor; before: Tensor[]; arriving: Tensor[] },
        ) => {
          const total = later.map((d, i) => add(d, now.arriving[i]!));
          const back = step.back(now.gi, now.gh, now.before, total);
          const through = matmul(back.gh, weight);
          const earlier = back.states.map((d, i) => (i > 0 ? d! : d ? add(d, through) : through));
          return [earlier, { gi: back.gi, gh: back.gh }] as [
            readonly Tensor[],
            { gi: Tensor; gh: Tensor },
          ];
        },
        states.map(zerosLike) as readonly Tensor[],
        { gi, gh, before, arriving: all.map((s, i) => cotangents[i] ?? zerosLike(s)) },
        { reverse: !reverse },
      );
      const rows = (x: Tensor): Tensor => reshape(x, [-1, x.shape.at(-1)!]);
      return [
        {
          gi: gates.gi,
          states: first,
          weight: matmul(transpose(rows(gates.gh), 0, 1), rows(before[0]!)),
          bias: bias && sum(rows(gates.gh), { dim: 0 }),
        },
      ];
    },
  });
  return run(inputs);
}

/** The states before each step, from those after it. */
function shifted(all: Tensor, initial: Tensor, reverse: boolean): Tensor {
  const length = all.shape[0]!;
  const first = unsqueeze(initial, 0);
  return reverse
    ? cat([narrow(all, 0, 1, length - 1), first])
    : cat([first, narrow(all, 0, 0, length - 1)]);
}
