// What flows back to the points of the rows: o[k, i] = sum_j W_ij dc(x_i, y_j) / dx_ik
//
// W is the plan times products of vectors, W_ij = P_ij sum_c q[c, i] v[c, j] with P as in apply but for the weights of
// rows; or that times 1 - c_ij / epsilon, the slope of P_ij c_ij; or a matrix.
//
// shapes: f [problems, rows_pad]; g, log_b [problems, cols4]; q [problems, channels, rows_pad];
//   v [problems, channels, cols4], or of W as a matrix its padded rows [problems, rows, cols4]; o [problems, dims, rows]
// access: one team per row and four coordinates, one pass
#slot WEIGHT = plan_weight // plan_weight | cost_weight | matrix_weight
#slot TERM = square_term // square_term, product_term or a function of the caller
#slot SLOPE = square_slope // square_slope, product_slope or a function of the caller
#slot FINISH = sum_finish // sum_finish, root_finish, cosine_finish or a function of the caller
#slot FINISH_SLOPE = sum_finish_slope // sum_finish_slope, root_finish_slope, cosine_finish_slope or the caller's
#slot COST = points_cost // points_cost
#include "grid"
#include "team"
#include "transport_pairs"
const TEAM = 1u; // 1 | 64 | 256

@group(0) @binding(2) var<storage, read> f: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<vec4f>;
@group(0) @binding(4) var<storage, read> log_b: array<vec4f>;
@group(0) @binding(5) var<storage, read> q: array<f32>;
@group(0) @binding(6) var<storage, read> v: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> o: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

fn square_slope(x: f32, y: vec4f, k: u32) -> vec4f { return 2.0 * (vec4f(x) - y); }
fn product_slope(x: f32, y: vec4f, k: u32) -> vec4f { return y; }
fn sum_finish_slope(sum: vec4f) -> vec4f { return vec4f(1.0); }
// Of two points that coincide: 0, one of the slopes that the cost has there.
fn root_finish_slope(sum: vec4f) -> vec4f {
  return select(0.5 / sqrt(max(sum, vec4f(1e-37))), vec4f(0.0), sum <= vec4f(1e-37));
}
fn cosine_finish_slope(sum: vec4f) -> vec4f { return vec4f(-1.0); }

fn plan_weight(problem: u32, i: u32, j: u32, sum: vec4f) -> vec4f {
  let k = problem * params.cols4 + j;
  let p = exp2(exponents(f[problem * params.rows_pad + i], g[k], log_b[k], FINISH(sum)));
  var w = vec4f(0.0);
  for (var c = 0u; c < params.channels; c++) {
    let channel = problem * params.channels + c;
    w += q[channel * params.rows_pad + i] * v[channel * params.cols4 + j];
  }
  return p * w;
}

fn cost_weight(problem: u32, i: u32, j: u32, sum: vec4f) -> vec4f {
  // log(2) scale is 1 / epsilon.
  let slope = vec4f(1.0) - (0.69314718 * params.scale) * FINISH(sum);
  return slope * plan_weight(problem, i, j, sum);
}

fn matrix_weight(problem: u32, i: u32, j: u32, sum: vec4f) -> vec4f {
  return v[(problem * params.rows + i) * params.cols4 + j];
}

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let per_group = select(1u, GROUP, TEAM == 1u);
  let tiles = (params.rows + per_group - 1u) / per_group;
  let tile = linear_group(group, groups);
  let parts = (params.dims + 3u) / 4u;
  let owner = tile / tiles;
  let problem = min(owner / parts, params.problems - 1u);
  let first = (owner % parts) * 4u;
  let i = team_row(tile % tiles, local);
  let lane = team_lane(local);
  let goes = owner < parts * params.problems && i < params.rows;
  let end = select(0u, params.cols4, goes);

  var sums: array<vec4f, 4>;
  for (var c = 0u; c < 4u; c++) { sums[c] = vec4f(0.0); }
  for (var j = lane; j < end; j += TEAM) {
    let sum = coordinate_sum(problem, i, j);
    let w = WEIGHT(problem, i, j, sum) * FINISH_SLOPE(sum);
    for (var c = 0u; c < 4u; c++) {
      let k = min(first + c, params.dims - 1u);
      let coordinate = problem * params.dims + k;
      let x = row_points[coordinate * params.rows_pad + i];
      sums[c] += w * SLOPE(x, col_points[coordinate * params.cols4 + j], k);
    }
  }
  for (var c = 0u; c < 4u; c++) {
    let s = sums[c];
    let sum = team_sum((s.x + s.y) + (s.z + s.w), lane);
    if (goes && lane == 0u && first + c < params.dims) {
      o[(problem * params.dims + first + c) * params.rows + i] = sum;
    }
  }
}
