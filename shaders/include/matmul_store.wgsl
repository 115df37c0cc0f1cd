#include "matmul_put"
// Stores four elements of one column, the first at (row, col), as far as they lie inside the matrix.
fn store(at: u32, row: u32, col: u32, x: vec4f) {
  if (col >= params.n) { return; }
  let to = at + row * params.c_row + col * params.c_col;
  let column = row * params.column_row + col * params.column_col;
  if (row < params.m) { put(to, column, T(x.x)); }
  if (row + 1u < params.m) { put(to + params.c_row, column + params.column_row, T(x.y)); }
  if (row + 2u < params.m) { put(to + 2u * params.c_row, column + 2u * params.column_row, T(x.z)); }
  if (row + 3u < params.m) { put(to + 3u * params.c_row, column + 3u * params.column_row, T(x.w)); }
}
