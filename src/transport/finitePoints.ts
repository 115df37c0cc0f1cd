/** Checks points and costs on the device: a minimum drops NaN, so that kernels would take such a point as one that nothing reaches. */
import { ArgumentError } from "../errors";
import { gridFor, launch, transportFinite } from "../kernels";
import type { Primitive } from "../ops/primitive";
import { dense } from "../ops/shape";
import { bind } from "../ops/trace";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { lanesAsProblems } from "./pull";

interface PointsAttrs {
  /** What errors name: the operation, and its argument. */
  readonly caller: string;
  readonly name: string;
  /** What its rows are. */
  readonly kind: "points" | "costs";
}

/** Input: x [..., n, d]. Output: x as it is. */
const finitePointsPrimitive: Primitive<PointsAttrs> = {
  name: "transportFinitePoints",
  formula: "x, in which nothing is NaN or infinite",
  derivative: "g to x",
  saves: "nothing",
  outputs: ([x]) => [{ shape: x!.shape, dtype: "f32" }],
  run: ([x], { caller, name, kind }) => {
    const { device, shape } = x!;
    const given = dense(x!);
    const d = shape.at(-1)!;
    const [inner, outer] = kind === "points" ? ["coordinate", "point"] : ["column", "row"];
    if (given.size > 0)
      launch(
        device,
        transportFinite,
        { x: given.binding, faults: device.faults },
        {
          count: given.size,
          site: device.faultSite(
            `${caller}: ${kind} ${name} of ${show(shape)}`,
            (_, at) =>
              new ArgumentError(
                `${caller}: the ${kind} ${name} ${show(shape)} hold NaN or Infinity: ${inner} ${at % d} of ${outer} ${Math.floor(at / d) % shape.at(-2)!} of problem ${Math.floor(at / (d * shape.at(-2)!))}. Look for where it comes from: a division by 0, or a step that diverged.`,
              ),
          ),
        },
        gridFor(device, given.size, 64),
      );
    return [given];
  },
  vjp: ([g]) => [g!],
  jvp: ([t]) => [t ?? null],
  batch: lanesAsProblems(() => finitePointsPrimitive),
};

/** x, checked: ArgumentError at the next read. */
export function finitePoints(caller: string, name: string, x: Tensor): Tensor {
  return bind(finitePointsPrimitive, [x], { caller, name, kind: "points" })[0]!;
}

/** A matrix of costs, checked: for solvers that multiply with it, and so cannot forbid a pair by Infinity. */
export function finiteCosts(caller: string, name: string, x: Tensor): Tensor {
  return bind(finitePointsPrimitive, [x], { caller, name, kind: "costs" })[0]!;
}

export const finitePointsPrimitives = [finitePointsPrimitive];
