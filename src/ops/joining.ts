/** Tensors put together along the dimensions that their names say. */
import { ArgumentError, ShapeError } from "../errors";
import { promote } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { pad } from "./padding";
import { cat, reshape, to } from "./shape";
import { atleast1d, atleast2d, atleast3d } from "./views";

function joined(
  op: string,
  tensors: readonly Tensor[],
  raised: (x: Tensor) => Tensor,
  dimOf: (rank: number) => number,
): Tensor {
  if (tensors.length === 0) throw new ArgumentError(`${op}: pass at least one tensor.`);
  for (const t of tensors) requireTensor(op, t);
  return scope(() => {
    const parts = tensors.map(raised);
    return cat(parts, dimOf(parts[0]!.rank));
  });
}

/** Side by side: along dim 1, vectors along dim 0 (PyTorch `hstack`). @throws as `cat` */
export function hstack(tensors: readonly Tensor[]): Tensor {
  return joined("hstack", tensors, atleast1d, (rank) => (rank === 1 ? 0 : 1));
}

/** Below each other: along dim 0, vectors as rows (PyTorch `vstack`). @throws as `cat` */
export function vstack(tensors: readonly Tensor[]): Tensor {
  return joined("vstack", tensors, atleast2d, () => 0);
}

/** Behind each other: along dim 2, matrices as [n, m, 1] (PyTorch `dstack`). @throws as `cat` */
export function dstack(tensors: readonly Tensor[]): Tensor {
  return joined("dstack", tensors, atleast3d, () => 2);
}

/** As columns: scalars and vectors as [n, 1], along dim 1 (PyTorch `column_stack`). @throws as `cat` */
export function columnStack(tensors: readonly Tensor[]): Tensor {
  const column = (x: Tensor) => reshape(x, x.rank >= 2 ? x.shape : [x.size, 1]);
  return joined("columnStack", tensors, column, () => 1);
}

/**
 * A matrix with the given ones along its diagonal, 0 elsewhere (PyTorch `block_diag`); of the dtype to
 * which all promote.
 * @param tensors matrices; a vector is a row, a scalar [1, 1]
 * @throws ArgumentError for none; ShapeError for more than two dimensions
 */
export function blockDiag(...tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 0) throw new ArgumentError("blockDiag: pass at least one tensor.");
  for (const t of tensors)
    if (t.rank > 2)
      throw new ShapeError(`blockDiag: a tensor of shape ${show(t.shape)} is no matrix.`);
  return scope(() => {
    const dtype = tensors.map((t) => t.dtype).reduce(promote);
    const blocks = tensors.map((t) => to(atleast2d(t), dtype));
    const width = blocks.reduce((n, b) => n + b.shape[1]!, 0);
    let before = 0;
    const rows = blocks.map((b) => {
      before += b.shape[1]!;
      return pad(b, [before - b.shape[1]!, width - before]);
    });
    return cat(rows);
  });
}
