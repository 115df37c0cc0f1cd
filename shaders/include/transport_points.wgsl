// The points of rows in registers, where the text knows how many coordinates they have: DIMS, 0 where it does not, or
// where costs are a matrix. The loop over coordinates is unrolled then, and rows are not read again at each column.
// The including kernel declares `const DIMS = 0u; // 0 | 1 | 2 | 3 | 4`.
#include "transport_pairs"
const KNOWN = max(DIMS, 1u);

fn row_coordinate(problem: u32, i: u32, k: u32) -> f32 {
  return row_points[(problem * DIMS + k) * params.rows_pad + i];
}

// pair_cost of row i with the point x.
fn cost_from(x: array<f32, KNOWN>, problem: u32, i: u32, j4: u32) -> vec4f {
  if (DIMS == 0u) { return pair_cost(problem, i, j4); }
  var sum = vec4f(0.0);
  for (var k = 0u; k < DIMS; k++) {
    sum = TERM(sum, x[k], col_points[(problem * DIMS + k) * params.cols4 + j4], k);
  }
  return FINISH(sum);
}
