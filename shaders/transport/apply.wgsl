// o[c, i] = sum_j P_ij v[c, j],   P_ij = a_i b_j exp((f_i + g_j - c_ij) / epsilon)
//
// or with VALUE = mass_times_cost sum_j P_ij c_ij v[c, j], the cost of the mass that moves.
// The plan P is never stored.
//
// shapes: own, pairs of f and log a [problems, rows_pad]; g, log_b [problems, cols4]; v [problems, channels, cols4];
//   o [problems, channels, results], of which the first `rows` are written; log weights of base 2
// access: one team per block of rows and CHANNELS channels, one pass. Problems that a solver is done with leave at once: see
//   linalg/cg.
#slot VALUE = mass // mass | mass_times_cost
#slot COST = points_cost // points_cost | matrix_cost
#slot TERM = square_term // square_term, product_term or a function of the caller
#slot FINISH = sum_finish // sum_finish, root_finish, cosine_finish or a function of the caller
#include "grid"
#include "row_blocks"
#include "transport_points"
const TEAM = 1u; // 1 | 64 | 256
const ROWS = 1u; // 1 | 4 | 8
const DIMS = 0u; // 0 | 1 | 2 | 3 | 4
const CHANNELS = 1u; // 1 | 4
const SUMS = ROWS * CHANNELS;

@group(0) @binding(2) var<storage, read> own: array<vec2f>;
@group(0) @binding(3) var<storage, read> g: array<vec4f>;
@group(0) @binding(4) var<storage, read> log_b: array<vec4f>;
@group(0) @binding(5) var<storage, read> v: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> o: array<f32>;
// Per problem the state of a solver, 2 or more where it is done; without a solver one 0 for all.
@group(0) @binding(7) var<storage, read> control: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

fn mass(p: vec4f, cost: vec4f) -> vec4f { return p; }
fn mass_times_cost(p: vec4f, cost: vec4f) -> vec4f { return p * cost; }

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let tiles = block_groups(params.rows);
  let tile = linear_group(group, groups);
  let parts_of_channels = (params.channels + CHANNELS - 1u) / CHANNELS;
  let owner = tile / tiles;
  let problem = min(owner / parts_of_channels, params.problems - 1u);
  let channel = (owner % parts_of_channels) * CHANNELS;
  let first = block_row(tile % tiles, local);
  let lane = block_lane(local);
  let goes = owner < parts_of_channels * params.problems && first < params.rows
    && control[problem * params.control_step] < 2.0;
  let end = select(0u, params.cols4, goes);
  let at = problem * params.cols4;

  // What rows beyond the last find is left, and so are channels.
  var x: array<array<f32, KNOWN>, ROWS>;
  var term: array<vec2f, ROWS>;
  var sums: array<array<vec4f, ROWS>, CHANNELS>;
  var v_at: array<u32, CHANNELS>;
  for (var r = 0u; r < ROWS; r++) {
    for (var k = 0u; k < DIMS; k++) { x[r][k] = row_coordinate(problem, first + r, k); }
    term[r] = own[problem * params.rows_pad + first + r];
    for (var c = 0u; c < CHANNELS; c++) { sums[c][r] = vec4f(0.0); }
  }
  for (var c = 0u; c < CHANNELS; c++) {
    v_at[c] = (problem * params.channels + min(channel + c, params.channels - 1u)) * params.cols4;
  }

  for (var j = lane; j < end; j += TEAM) {
    let k = at + j;
    for (var r = 0u; r < ROWS; r++) {
      let cost = cost_from(x[r], problem, first + r, j);
      let p = exp2(exponents(term[r].x, g[k], log_b[k], cost) + vec4f(term[r].y));
      let value = VALUE(p, cost);
      for (var c = 0u; c < CHANNELS; c++) { sums[c][r] += value * v[v_at[c] + j]; }
    }
  }

  var sum: array<f32, SUMS>;
  for (var c = 0u; c < CHANNELS; c++) {
    for (var r = 0u; r < ROWS; r++) {
      let s = sums[c][r];
      sum[c * ROWS + r] = (s.x + s.y) + (s.z + s.w);
    }
  }
  sum = block_sum(sum, lane);
  for (var c = 0u; c < CHANNELS; c++) {
    for (var r = 0u; r < ROWS; r++) {
      if (goes && lane == 0u && first + r < params.rows && channel + c < params.channels) {
        o[(problem * params.channels + channel + c) * params.results + first + r] = sum[c * ROWS + r];
      }
    }
  }
}
