// The diagonal of a Newton system and its right side, and how sparse the rest could be made:
//
//   r_i = sum_j P_ij,   a_i - r_i,   and sum_j P_ij, and the number, of those P_ij >= theta min(a_i, b_j)
//
// for seven theta = 2^-4, 2^-6.5, ..., 2^-19, and for 0.
//
// shapes: own, pairs of f and level, and account [problems, rows_pad]; g, level_b [problems, cols4]: see softmin; stats
//   [problems, rows]: masses of the thresholds and of all, then the numbers; system [3, problems, results]: r, 1 / r,
//   a - r
// access: one invocation per row, one pass
#slot COST = points_cost // points_cost | matrix_cost
#slot TERM = square_term // square_term, product_term or a function of the caller
#slot FINISH = sum_finish // sum_finish, root_finish, cosine_finish or a function of the caller
#include "grid"
#include "newton_pairs"
#include "transport_pairs"

struct Stats {
  high_masses: vec4f,
  low_masses: vec4f,
  high_counts: vec4f,
  low_counts: vec4f,
}

@group(0) @binding(2) var<storage, read> own: array<vec2f>;
@group(0) @binding(3) var<storage, read> account: array<vec2f>;
@group(0) @binding(4) var<storage, read> g: array<vec4f>;
@group(0) @binding(5) var<storage, read> level_b: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> stats: array<Stats>;
@group(0) @binding(7) var<storage, read_write> system: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

const HIGH = vec4f(-4.0, -6.5, -9.0, -11.5);
const LOW = vec4f(-14.0, -16.5, -19.0, -3e38);
// Keeps the system, of which (1, -1) is in the null space, away from singular ones.
const RIDGE = 1.000001;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let problem = item / params.rows;
  let i = item % params.rows;
  if (problem >= params.problems) { return; }
  let term = own[problem * params.rows_pad + i];
  let at = problem * params.cols4;
  // A row without mass has no part in the system.
  let end = select(0u, params.cols4, term.y > 0.5 * NEGLIGIBLE);
  var found = Stats(vec4f(0.0), vec4f(0.0), vec4f(0.0), vec4f(0.0));
  for (var j = 0u; j < end; j++) {
    let k = at + j;
    let exponent = symmetric_exponent(term.x, g[k], pair_cost(problem, i, j));
    let p = exp2(exponent + (vec4f(term.y) + level_b[k]));
    let share = share_of(exponent, term.y, level_b[k]);
    for (var c = 0u; c < 4u; c++) {
      let high = select(vec4f(0.0), vec4f(1.0), vec4f(share[c]) >= HIGH);
      let low = select(vec4f(0.0), vec4f(1.0), vec4f(share[c]) >= LOW);
      found.high_masses += p[c] * high;
      found.low_masses += p[c] * low;
      found.high_counts += high;
      found.low_counts += low;
    }
  }
  stats[item] = found;
  let r = found.low_masses.w;
  let mass = exp2(account[problem * params.rows_pad + i].x);
  let plane = params.problems * params.results;
  let to = problem * params.results + params.first_row + i;
  system[to] = RIDGE * r;
  system[plane + to] = select(0.0, 1.0 / (RIDGE * r), r > 0.0);
  system[2u * plane + to] = select(0.0, mass - r, r > 0.0);
}
