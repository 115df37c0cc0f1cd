/** Singular values and vectors of matrices with memory: the kernels of `svd`, in order. */
import { gridFor, launch, linalgBidiagonal, linalgBidiagonalQr, linalgOrient } from "../kernels";
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

/** Rows that linalg/bidiagonal adds up at a time. */
const chunkRows = 64;
/** Columns that one of its invocations takes. */
const tileCols = 16;

interface Bidiagonal {
  /** [batch, 5, n]: the diagonal, the one above it, the two taus, and what only the kernel reads. */
  readonly band: DeviceTensor;
  /** Of the left side, [batch, n, m rounded up to four]; after it, of the right side. */
  readonly reflectors: DeviceTensor;
  readonly right: DeviceTensor;
}

function bidiagonal(work: DeviceTensor, sizes: Sizes): Bidiagonal {
  const { batch, m, n, rows4, cols4 } = sizes;
  const { device } = work;
  const chunks = Math.ceil(m / chunkRows);
  const rights = batch * n * rows4;
  const band = room(work, [batch, 5, n]);
  const reflectors = room(work, [4 * (rights + batch * n * cols4)]);
  const vectors = room(work, [batch, 4 * (cols4 * (1 + chunks) + rows4)], { cleared: true });
  const bindings = {
    work: work.binding,
    reflectors: reflectors.binding,
    vectors: vectors.binding,
    band: band.binding,
  };
  const step = (
    part: "column" | "across" | "row" | "down" | "whole",
    items: number,
    k: number,
    wg: 1 | 32,
  ) =>
    launch(
      device,
      linalgBidiagonal,
      bindings,
      { items, n, rows4, cols4, chunks, rights, k },
      gridFor(device, items, wg),
      { slots: { STEP: part }, overrides: { WG: wg } },
    );
  if (condenseVariant(work, sizes) === "whole") step("whole", batch, 0, 1);
  else
    for (let k = 0; k < n; k++) {
      const tiles = Math.ceil(n / tileCols) - Math.floor((k + 1) / tileCols);
      const wg = workgroup(work);
      step("column", batch, k, 1);
      if (tiles > 0) step("across", batch * (chunks - Math.floor(k / chunkRows)) * tiles, k, wg);
      step("row", batch, k, 1);
      if (k + 1 < n) step("down", batch * (rows4 - (k >> 2)), k, wg);
    }
  vectors.dispose();
  const right = reflectors.view([batch, n, 4 * cols4], [n * 4 * cols4, 4 * cols4, 1], 4 * rights);
  return { band, reflectors, right };
}

/**
 * @param x [..., m, n] with m >= n > 0
 * @returns values largest first, [batch, n]; the columns of U and V as rows, [batch, n, m rounded up to
 * four] and [batch, n, n rounded up to four]
 */
export function singularValues(
  x: DeviceTensor,
  op: string,
  withVectors: boolean,
): { values: DeviceTensor; left: DeviceTensor | null; right: DeviceTensor | null } {
  return scope(() => {
    const { device } = x;
    const sizes = sizesOf(x.shape);
    const { batch, n, rows4, cols4 } = sizes;
    const { work, scales } = scaled(x, "whole", op, x.shape);
    const { band, reflectors, right } = bidiagonal(work, sizes);
    work.dispose();

    const plan = planIteration(sizes);
    const logs = [1, 2].map(() => rotationLog(x, batch, plan, withVectors));
    const state = room(x, [batch, 4], { dtype: "u32", cleared: true });
    const zs = withVectors ? [vectorRoom(x, sizes), vectorRoom(x, sizes)] : [];
    for (let i = 0; i < plan.dispatches; i++) {
      launch(
        device,
        linalgBidiagonalQr,
        {
          band: band.binding,
          state: state.binding,
          left_sweeps: logs[0]!.sweeps.binding,
          left: logs[0]!.rotations.binding,
          right_sweeps: logs[1]!.sweeps.binding,
          right: logs[1]!.rotations.binding,
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
      zs.forEach((z, side) => {
        rotate(z, logs[side]!, state, plan, { start: i === 0, side: side === 0 ? 1 : 2 });
      });
    }
    const { values, places } = ordered(band, scales, "by_size");
    if (!withVectors) return { values, left: null, right: null };
    const u = orthonormal(
      reflected(zs[0]!, reflectors, band, places, {
        size4: rows4,
        reflections: n,
        taus: 2,
        signed: false,
      }),
    );
    const v = orthonormal(
      reflected(zs[1]!, right, band, places, {
        size4: cols4,
        reflections: n,
        taus: 3,
        signed: true,
      }),
    );
    const wg = workgroup(x);
    launch(
      device,
      linalgOrient,
      { x: u.binding, y: v.binding },
      { rows: batch * n, x4: rows4, y4: cols4 },
      gridFor(device, batch * n, wg),
      { overrides: { WG: wg } },
    );
    return { values, left: u, right: v };
  });
}
