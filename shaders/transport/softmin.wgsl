// One half of a Sinkhorn iteration: the potential of the rows that gives them their mass, for a potential of the columns.
//
//   d_i = log sum_j b_j exp((f_i + g_j - c_ij) / epsilon)           the row has a_i exp(d_i); 0 is what it shall have
//   f_i <- f_i + relaxation (clamp(damping (f_i - epsilon d_i), -bound, bound) - f_i)
//
// damping rho / (rho + epsilon) is a KL penalty of weight rho on the row's mass, bound = rho is total variation. What
// the step changes of the row's mass, a_i |exp(step / epsilon) - 1|, is noted: in the balanced problem the marginal
// error of the row before. A row that no mass can reach, since all its pairs are forbidden, has its potential at
// `limit`, where a penalty has taken all of its mass; without a penalty, limit 0, minus its mass is noted.
//
// An f32 potential says a mass to a part of its size over epsilon: too little at small epsilon. So each has a tail, of
// at most `tail` in exponents of 2, that goes with the log weight: level = log2 weight + tail, f + tail / scale in all.
// While f stays, steps of the tail are as exact as exponents of order 1 allow, and so are marginals.
//
// shapes: f, level, account [problems, rows_pad]; g, level_b [problems, cols4]
// access: one team per block of rows, one pass. Rows share what is read of COLS vec4s of columns, and one look whether
//   sums have to be rescaled. Problems that are done leave at once.
// source: Peyre, Cuturi, Computational optimal transport, 2019, section 4.4; Milakov, Gimelshein 2018 (arXiv:1805.02867)
//   for the running log-sum-exp; Sejourne et al. 2019 (arXiv:1910.12958) for the penalties
#slot COST = points_cost // points_cost | matrix_cost
#slot TERM = square_term // square_term, product_term or a function of the caller
#slot FINISH = sum_finish // sum_finish, root_finish, cosine_finish or a function of the caller
#slot POWER = exp2_plain // exp2_plain | exp2_short
#include "grid"
#include "row_blocks"
#include "exp2_short"
#include "transport_points"
const TEAM = 1u; // 1 | 64 | 256
const ROWS = 1u; // 1 | 4 | 8
const COLS = 1u; // 1 | 4
const DIMS = 0u; // 0 | 1 | 2 | 3 | 4
const SUMS = max(ROWS, 1u);

// How far an exponent may be above the reference of its sum. More than 0 lets the reference stay where the first
// columns put it, as a rule; f32 has room for a sum of 2^90 such terms.
const HEADROOM = 30.0;

@group(0) @binding(2) var<storage, read_write> f: array<f32>;
@group(0) @binding(3) var<storage, read_write> level: array<f32>;
// log2 a, and what the last step changed of the row's mass.
@group(0) @binding(4) var<storage, read_write> account: array<vec2f>;
@group(0) @binding(5) var<storage, read> g: array<vec4f>;
@group(0) @binding(6) var<storage, read> level_b: array<vec4f>;
// Per problem: 1 where it is done, iterations, the marginal error, the mass.
@group(0) @binding(7) var<storage, read> control: array<vec4f>;
@group(0) @binding(8) var<uniform> params: Params;

fn highest(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

// Moves the potential of a row, whose exponentials add up to 2^top sum.
fn move_row(place: u32, own: f32, top: f32, sum: f32) {
  let log_a = account[place].x;
  let mass = exp2(log_a);
  let tail = level[place] - log_a;
  // No mass can reach this row. Forbidden pairs have a cost of -NEGLIGIBLE.
  if (top < 0.5 * NEGLIGIBLE * min(params.scale, 1.0)) {
    account[place].y = select(-mass, 0.0, params.limit > 0.0);
    if (params.limit > 0.0) { f[place] = params.limit; }
    return;
  }
  let excess = top + log2(sum) + tail;
  // All in exponents of 2 from here on.
  let potential = params.scale * own + tail;
  let free = (params.damping - 1.0) * potential - params.damping * excess;
  let bound = params.scale * params.bound;
  let step = clamp(free, (-bound - params.scale * own) - tail, (bound - params.scale * own) - tail);
  account[place].y = mass * abs(exp2(min(-step, 100.0)) - 1.0);
  let next = tail + params.relaxation * step;
  if (abs(next) <= params.tail && log_a > 0.5 * NEGLIGIBLE) {
    level[place] = log_a + next;
  } else {
    let moved = own + next / params.scale;
    f[place] = moved;
    level[place] = log_a + (next - (moved - own) * params.scale);
  }
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let tiles = block_groups(params.rows);
  let tile = linear_group(group, groups);
  let problem = min(tile / tiles, params.problems - 1u);
  let first = block_row(tile % tiles, local);
  let lane = block_lane(local);
  let goes = tile < tiles * params.problems && first < params.rows && control[problem].x == 0.0;
  let end = select(0u, params.cols4, goes);
  let at = problem * params.cols4;
  let place = problem * params.rows_pad + first;

  // What rows beyond the last find is left.
  var x: array<array<f32, KNOWN>, ROWS>;
  var own: array<f32, ROWS>;
  // Of each lane the sum of exponentials, and the reference that it is relative to.
  var total: array<vec4f, ROWS>;
  var high: array<vec4f, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    for (var k = 0u; k < DIMS; k++) { x[r][k] = row_coordinate(problem, first + r, k); }
    own[r] = f[place + r];
    total[r] = vec4f(0.0);
    high[r] = vec4f(LOWEST);
  }

  for (var j = lane * COLS; j < end; j += TEAM * COLS) {
    var s: array<array<vec4f, ROWS>, COLS>;
    for (var c = 0u; c < COLS; c++) {
      let k = at + j + c;
      for (var r = 0u; r < ROWS; r++) {
        s[c][r] = exponents(own[r], g[k], level_b[k], cost_from(x[r], problem, first + r, j + c));
      }
    }
    var above = vec4f(LOWEST);
    for (var r = 0u; r < ROWS; r++) {
      var most = s[0][r];
      for (var c = 1u; c < COLS; c++) { most = max(most, s[c][r]); }
      above = max(above, most - high[r]);
    }
    if (any(above > vec4f(HEADROOM))) {
      for (var r = 0u; r < ROWS; r++) {
        var higher = high[r];
        for (var c = 0u; c < COLS; c++) { higher = max(higher, s[c][r]); }
        total[r] *= POWER(high[r] - higher);
        high[r] = higher;
      }
    }
    for (var r = 0u; r < ROWS; r++) {
      var sum = POWER(s[0][r] - high[r]);
      for (var c = 1u; c < COLS; c++) { sum += POWER(s[c][r] - high[r]); }
      total[r] += sum;
    }
  }

  var top: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) { top[r] = highest(high[r]); }
  top = block_max(top, lane);
  var sum: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) { sum[r] = dot(total[r], exp2(high[r] - vec4f(top[r]))); }
  sum = block_sum(sum, lane);
  for (var r = 0u; r < ROWS; r++) {
    if (goes && lane == 0u && first + r < params.rows) {
      move_row(place + r, own[r], top[r], sum[r]);
    }
  }
}
