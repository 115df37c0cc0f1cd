/** What kernels of linear algebra report: a matrix of a batch, and what is wrong with it. */
import type { FaultMeaning } from "../device/device";
import { LinAlgError } from "../errors";
import { gridFor, launch, linalgCheck } from "../kernels";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { type Shape, show } from "../tensor/shape";

/** What can be wrong with a matrix, given the number that the kernel reported. */
export interface Flaw {
  /** In one clause: "is …". */
  say(value: number): string;
  readonly cure: string;
}

export const notPositiveDefinite: Flaw = {
  say: (order) =>
    `is not positive definite: its leading minor of order ${order} is not positive, or not finite`,
  cure: "Add a multiple of the identity, or use choleskyEx and read info.",
};

export const singular: Flaw = {
  say: (pivot) => `is singular: pivot ${pivot} is 0 or not finite`,
  cure: "Use lstsq or pinv, or add a multiple of the identity.",
};

export const zeroOnDiagonal: Flaw = {
  say: (row) => `is singular: element ${row} of its diagonal is 0`,
  cure: "Use lstsq or pinv on the whole matrix.",
};

export const rankDeficient: Flaw = {
  say: (column) => `does not have full rank: column ${column} depends on those before it`,
  cure: "Use pinv, or leave out columns.",
};

/** Which matrix of the batch `shape`, in words. */
function which(shape: Shape, matrix: number): string {
  const batch = shape.slice(0, -2);
  if (batch.length === 0) return "the matrix";
  const index: number[] = [];
  let rest = matrix;
  for (const size of [...batch].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `matrix ${show(index)} of the batch`;
}

/** The number of a site for `report_fault` at which matrices of this shape may have this flaw. */
export function flawSite(x: DeviceTensor, op: string, shape: Shape, flaw: Flaw): number {
  const meaning: FaultMeaning = (_, value, matrix) =>
    new LinAlgError(
      `${op}: ${which(shape, matrix)} of shape ${show(shape)} ${flaw.say(value)}. ${flaw.cure}`,
    );
  return x.device.faultSite(`${op} of ${show(shape)}: ${flaw.say(0)}`, meaning);
}

/** At the next read, LinAlgError for the first matrix whose info is not 0. */
export function reportInfo(info: DeviceTensor, op: string, shape: Shape, flaw: Flaw): void {
  const { device } = info;
  if (info.size === 0) return;
  launch(
    device,
    linalgCheck,
    { info: info.binding, faults: device.faults },
    { batch: info.size, site: flawSite(info, op, shape, flaw) },
    gridFor(device, 1, 1),
  );
}

export const notFinite: Flaw = {
  say: () => "has NaN or infinite elements",
  cure: "Look for where they come from: a division by 0, or a step that diverged.",
};

export const notConverged: Flaw = {
  say: () => "has a spectrum that the iteration did not find within its bound",
  cure: "Add a small multiple of the identity, or scale its rows and columns alike.",
};
