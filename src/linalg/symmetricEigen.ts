/** Eigenvalues and eigenvectors of symmetric matrices with memory: the kernels of `eigh`, in order. */
import { gridFor, launch, linalgOrient, linalgTridiagonal, linalgTridiagonalQl } from "../kernels";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { flawSite, notConverged } from "./faults";
import {
  condenseVariant,
  ordered,
  orthonormal,
  planIteration,
  reflected,
  room,
  rotate,
  rotationLog,
  type Sizes,
  scaled,
  sizesOf,
  vectorRoom,
  workgroup,
} from "./spectral";

interface Tridiagonal {
  /** [batch, 3, n]: the diagonal, the one beside it, and tau. */
  readonly band: DeviceTensor;
  /** [batch, n, n rounded up to four]. */
  readonly reflectors: DeviceTensor;
}

function tridiagonal(work: DeviceTensor, sizes: Sizes): Tridiagonal {
  const { batch, n, cols4 } = sizes;
  const { device } = work;
  const band = room(work, [batch, 3, n]);
  const reflectors = room(work, [batch, n, 4 * cols4]);
  const p = room(work, [batch, 4 * cols4], { cleared: true });
  const w = room(work, [batch, 4 * cols4], { cleared: true });
  const bindings = {
    work: work.binding,
    reflectors: reflectors.binding,
    p: p.binding,
    w: w.binding,
    band: band.binding,
  };
  const step = (part: "column" | "rows" | "whole", items: number, k: number, wg: 1 | 32) =>
    launch(
      device,
      linalgTridiagonal,
      bindings,
      { items, n, size4: cols4, k },
      gridFor(device, items, wg),
      { slots: { STEP: part }, overrides: { WG: wg } },
    );
  if (condenseVariant(work, sizes) === "whole") step("whole", batch, 0, 1);
  else
    for (let k = 0; k < n; k++) {
      step("column", batch, k, 1);
      if (k + 1 < n) step("rows", batch * (cols4 - ((k + 1) >> 2)), k, workgroup(work));
    }
  p.dispose();
  w.dispose();
  return { band, reflectors };
}

/**
 * @param x [..., n, n] with n > 0, read as (x + xᵀ) / 2
 * @returns values ascending, [batch, n]; vectors as rows, [batch, n, n rounded up to four]
 */
export function symmetricEigen(
  x: DeviceTensor,
  op: string,
  withVectors: boolean,
): { values: DeviceTensor; vectors: DeviceTensor | null } {
  return scope(() => {
    const { device } = x;
    const sizes = sizesOf(x.shape);
    const { batch, n, cols4 } = sizes;
    const { work, scales } = scaled(x, "symmetric", op, x.shape);
    const { band, reflectors } = tridiagonal(work, sizes);
    work.dispose();

    const plan = planIteration(sizes);
    const log = rotationLog(x, batch, plan, withVectors);
    const state = room(x, [batch, 4], { dtype: "u32", cleared: true });
    const z = withVectors ? vectorRoom(x, sizes) : null;
    for (let i = 0; i < plan.dispatches; i++) {
      launch(
        device,
        linalgTridiagonalQl,
        {
          band: band.binding,
          state: state.binding,
          sweeps: log.sweeps.binding,
          rotations: log.rotations.binding,
          faults: device.faults,
        },
        {
          batch,
          n,
          max_sweeps: plan.maxSweeps,
          max_rotations: plan.maxRotations,
          is_last: i + 1 === plan.dispatches ? 1 : 0,
          site: flawSite(x, op, x.shape, notConverged),
          log: withVectors ? 1 : 0,
        },
        gridFor(device, batch, 1),
      );
      if (z) rotate(z, log, state, plan, { start: i === 0, side: 1 });
    }
    const { values, places } = ordered(band, scales, "ascending");
    if (!z) return { values, vectors: null };
    const vectors = orthonormal(
      reflected(z, reflectors, band, places, {
        size4: cols4,
        reflections: Math.max(n - 2, 0),
        taus: 2,
        signed: false,
      }),
    );
    const wg = workgroup(x);
    launch(
      device,
      linalgOrient,
      { x: vectors.binding, y: room(x, [4]).binding },
      { rows: batch * n, x4: cols4, y4: 0 },
      gridFor(device, batch * n, wg),
      { overrides: { WG: wg } },
    );
    return { values, vectors };
  });
}
