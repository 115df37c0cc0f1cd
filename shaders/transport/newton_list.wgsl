// The entries of a plan that a Newton system keeps, row by row: P_ij >= theta min(a_i, b_j), with a theta per problem
//
// shapes: own, pairs of f and level [problems, rows_pad]; g, level_b [problems, cols4]: see softmin; thresholds
//   [problems], log2 theta; entries [problems, slots, results]: bits of the value, and the place in a vector of the
//   system; lengths [problems, results]
// access: one invocation per row, one pass
#slot COST = points_cost // points_cost | matrix_cost
#slot TERM = square_term // square_term, product_term or a function of the caller
#slot FINISH = sum_finish // sum_finish, root_finish, cosine_finish or a function of the caller
#include "grid"
#include "newton_pairs"
#include "transport_pairs"

@group(0) @binding(2) var<storage, read> own: array<vec2f>;
@group(0) @binding(3) var<storage, read> g: array<vec4f>;
@group(0) @binding(4) var<storage, read> level_b: array<vec4f>;
@group(0) @binding(5) var<storage, read> thresholds: array<f32>;
@group(0) @binding(6) var<storage, read_write> entries: array<vec2u>;
@group(0) @binding(7) var<storage, read_write> lengths: array<u32>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let problem = item / params.rows;
  let i = item % params.rows;
  if (problem >= params.problems) { return; }
  let term = own[problem * params.rows_pad + i];
  let at = problem * params.cols4;
  let least = thresholds[problem];
  let row = params.first_row + i;
  let end = select(0u, params.cols4, term.y > 0.5 * NEGLIGIBLE);
  var length = 0u;
  for (var j = 0u; j < end; j++) {
    let k = at + j;
    let exponent = symmetric_exponent(term.x, g[k], pair_cost(problem, i, j));
    let share = share_of(exponent, term.y, level_b[k]);
    if (max(max(share.x, share.y), max(share.z, share.w)) < least) { continue; }
    let p = exp2(exponent + (vec4f(term.y) + level_b[k]));
    for (var c = 0u; c < 4u; c++) {
      if (share[c] >= least && length < params.slots) {
        let to = (problem * params.slots + length) * params.results + row;
        entries[to] = vec2u(bitcast<u32>(p[c]), params.first_col + 4u * j + c);
        length++;
      }
    }
  }
  lengths[problem * params.results + row] = length;
}
