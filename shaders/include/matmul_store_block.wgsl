// Stores blocks of 4x4, for kernels that keep such. The including kernel declares
//   alias V    what c is written in: T, or vec4s of it where the rows of c are whole vec4s
//   LANES      elements in a V
//   #slot PICK pick_lane or pick_all, accordingly
#include "matmul"

fn pick_lane(x: vec4f, lane: u32) -> f32 { return x[lane]; }
fn pick_all(x: vec4f, lane: u32) -> vec4f { return x; }

// Stores x as element i of c, in the given column of its matrix, both counted in Vs. An epilogue takes the
// place of this function: see src/ops/epilogue.ts.
fn put(i: u32, column: u32, x: V) { c[i] = x; }

// The bias of four rows or, if it has one element for each column, of four columns.
fn bias_of_block(row: u32, col: u32) -> vec4f {
  let quad = vec4<u32>(0u, 1u, 2u, 3u);
  let y = min(row + quad, vec4<u32>(params.m - 1u));
  let z = min(col + quad, vec4<u32>(params.n - 1u));
  return vec4f(bias_at(y.x, z.x), bias_at(y.y, z.y), bias_at(y.z, z.z), bias_at(y.w, z.w));
}

fn with_bias(x: mat4x4f, row: u32, col: u32) -> mat4x4f {
  if (params.biased == 0u) { return x; }
  let b = bias_of_block(row, col);
  if (params.bias_row != 0u) { return mat4x4f(x[0] + b, x[1] + b, x[2] + b, x[3] + b); }
  return mat4x4f(x[0] + b.x, x[1] + b.y, x[2] + b.z, x[3] + b.w);
}

// The block whose first element is at (row, col), and the bias, as far as it lies inside the matrix.
fn store_block(at: u32, row: u32, col: u32, x: mat4x4f) {
  if (row >= params.m || col >= params.n) { return; }
  // Lines of neighbours in c: its rows, which are the block's columns where c is computed transposed.
  let is_transposed = params.column_row == 1u;
  var lines = with_bias(x, row, col);
  if (!is_transposed) { lines = transpose(lines); }
  let start = at + row * params.c_row + col * params.c_col;
  let step = select(params.c_row, params.c_col, is_transposed);
  let count = min(select(params.m - row, params.n - col, is_transposed), 4u);
  let column = select(col, row, is_transposed);
  let length = min(select(params.n - col, params.m - row, is_transposed), 4u);
  for (var q = 0u; q < count; q++) {
    let to = (start + q * step) / LANES;
    let line = lines[q];
    put(to, column / LANES, V(PICK(line, 0u)));
    if (LANES == 1u) {
      if (length > 1u) { put(to + 1u, column + 1u, V(PICK(line, 1u))); }
      if (length > 2u) { put(to + 2u, column + 2u, V(PICK(line, 2u))); }
      if (length > 3u) { put(to + 3u, column + 3u, V(PICK(line, 3u))); }
    }
  }
}
