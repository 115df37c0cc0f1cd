// c[i, j], the cost of every pair, as a matrix: what the other kernels compute and do not store.
//
// shapes: c [problems, rows, cols] dense
// access: one invocation per four neighbouring columns of a row
#slot TERM = square_term // square_term, product_term or a function of the caller
#slot FINISH = sum_finish // sum_finish, root_finish, cosine_finish or a function of the caller
#slot COST = points_cost // points_cost
#include "grid"
#include "transport_pairs"

@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let fours = (params.cols + 3u) / 4u;
  let row = item / fours;
  let j4 = item % fours;
  if (row >= params.problems * params.rows) { return; }
  let cost = pair_cost(row / params.rows, row % params.rows, j4);
  for (var k = 0u; k < 4u; k++) {
    let j = j4 * 4u + k;
    if (j < params.cols) { c[row * params.cols + j] = cost[k]; }
  }
}
