// Stores four elements of one column, the first at (row, col), as far as they lie inside the matrix.
fn store(at: u32, row: u32, col: u32, x: vec4f) {
  if (col >= params.n) { return; }
  let to = at + row * params.c_row + col * params.c_col;
  if (row < params.m) { c[to] = T(x.x); }
  if (row + 1u < params.m) { c[to + params.c_row] = T(x.y); }
  if (row + 2u < params.m) { c[to + 2u * params.c_row] = T(x.z); }
  if (row + 3u < params.m) { c[to + 3u * params.c_row] = T(x.w); }
}
