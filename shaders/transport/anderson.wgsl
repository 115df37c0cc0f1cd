// Mixes past potentials of one side so that their residuals cancel. With G_k what an iteration made of x_k, r_k = G_k - x_k,
// and differences of each to the last one, dG and dR, of the last `memory` iterations:
//
//   x_{k+1} = G_k - sum_j gamma_j dG_j,   gamma = argmin sum_i w_i (r_ki - sum_j gamma_j dR_ji)^2 + ridge
//
// in exponents of 2: scale f + tail, the tail that of transport/softmin. Written as x_{k+1} = sum alpha_j (x_j + r_j), the
// alphas add up to 1. w is the mass of the column. The ridge is relative to the diagonal of the Gram matrix of dR, which
// is scaled to 1 and factored by Cholesky. Where the residual grew beyond GROWTH of the least one, what is past is
// forgotten, and G_k is the next x. The residual of a balanced problem has a mean of second order only, since its
// masses add up to what they shall; so shifts of a potential, which change nothing, do not reach the Gram matrix.
//
// Of a column `history` has x_k: f and tail; x_k - G_{k-1}; r_{k-1}; `memory` times dG; `memory` times dR. Of a problem `state`
// has how many x_k it has seen, the least square of a residual, and the Gram matrix.
//
// shapes: f, level, account [problems, pad]; history [problems, 4 + 2 memory, pad]; state [problems, 2 + 64]
// access: one team per problem, sums in fixed order. Of the history each invocation reads what it wrote itself
// source: Anderson 1965; Walker, Ni, Anderson acceleration for fixed-point iterations, 2011
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

const MOST = 8u;
const STATE = 2u + MOST * MOST;
const RIDGE = 1e-5;
const GROWTH = 2.0;
const LIGHT = -5e29;

struct Params {
  problems: u32,
  rows: u32,
  pad: u32,
  memory: u32,
  scale: f32,
  // As in transport/softmin.
  tail: f32,
}

@group(0) @binding(0) var<storage, read_write> f: array<f32>;
@group(0) @binding(1) var<storage, read_write> level: array<f32>;
@group(0) @binding(2) var<storage, read> account: array<vec2f>;
@group(0) @binding(3) var<storage, read> control: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> history: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// Solves (gram + ridge) gamma = side for the first `size` unknowns.
fn solved(gram: array<f32, 64>, side: array<f32, 8>, size: u32) -> array<f32, 8> {
  var unit: array<f32, 8>;
  for (var i = 0u; i < size; i++) { unit[i] = inverseSqrt(max(gram[i * MOST + i], 1e-37)); }
  var lower: array<f32, 64>;
  var gamma: array<f32, 8>;
  for (var i = 0u; i < size; i++) {
    var rest = side[i] * unit[i];
    for (var j = 0u; j <= i; j++) {
      var entry = gram[i * MOST + j] * unit[i] * unit[j] + select(0.0, RIDGE, i == j);
      for (var k = 0u; k < j; k++) { entry -= lower[i * MOST + k] * lower[j * MOST + k]; }
      if (i == j) {
        lower[i * MOST + i] = sqrt(max(entry, RIDGE));
      } else {
        entry /= lower[j * MOST + j];
        lower[i * MOST + j] = entry;
        rest -= entry * gamma[j];
      }
    }
    gamma[i] = rest / lower[i * MOST + i];
  }
  for (var back = 0u; back < size; back++) {
    let i = size - 1u - back;
    var rest = gamma[i];
    for (var k = i + 1u; k < size; k++) { rest -= lower[k * MOST + i] * gamma[k]; }
    gamma[i] = rest / lower[i * MOST + i];
  }
  for (var i = 0u; i < size; i++) { gamma[i] *= unit[i]; }
  return gamma;
}

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = team_row(linear_group(group, groups), local);
  let problem = min(row, params.problems - 1u);
  let lane = team_lane(local);
  let goes = row < params.problems && control[problem].x == 0.0;
  let end = select(0u, params.rows, goes);
  let at = problem * params.pad;
  let memory = params.memory;
  let x_f = at * (4u + 2u * memory);
  let x_tail = x_f + params.pad;
  let moves = x_tail + params.pad;
  let residuals = moves + params.pad;
  let d_image = residuals + params.pad;
  let d_residual = d_image + memory * params.pad;
  let own = problem * STATE;

  let seen = u32(state[own]);
  let least = state[own + 1u];
  // Differences, when the new one is there, which takes the place of the oldest.
  let size = min(max(seen, 1u) - 1u, memory);
  let fresh = (max(seen, 2u) - 2u) % memory;
  var gram: array<f32, 64>;
  for (var k = 0u; k < MOST * MOST; k++) { gram[k] = state[own + 2u + k]; }

  var square = 0.0;
  var products: array<f32, 8>;
  var side: array<f32, 8>;
  for (var i = lane; i < end; i += TEAM) {
    let log_w = account[at + i].x;
    if (log_w < LIGHT || seen == 0u) { continue; }
    let w = exp2(log_w);
    let r = params.scale * (f[at + i] - history[x_f + i])
      + ((level[at + i] - log_w) - history[x_tail + i]);
    square += w * r * r;
    if (size > 0u) {
      let d = r - history[residuals + i];
      history[d_image + fresh * params.pad + i] = r + history[moves + i];
      history[d_residual + fresh * params.pad + i] = d;
      for (var k = 0u; k < size; k++) {
        let other = w * history[d_residual + k * params.pad + i];
        products[k] += other * d;
        side[k] += other * r;
      }
    }
    history[residuals + i] = r;
  }
  square = team_sum(square, lane);
  for (var k = 0u; k < memory; k++) {
    products[k] = team_sum(products[k], lane);
    side[k] = team_sum(side[k], lane);
    gram[fresh * MOST + k] = products[k];
    gram[k * MOST + fresh] = products[k];
  }

  let starts = seen < 2u;
  let fails = !starts && square > GROWTH * GROWTH * least;
  let mixes = !starts && !fails;
  let gamma = solved(gram, side, select(0u, size, mixes));
  for (var i = lane; i < end; i += TEAM) {
    let log_w = account[at + i].x;
    if (log_w < LIGHT) { continue; }
    let old = f[at + i];
    let tail = level[at + i] - log_w;
    var moved = old;
    if (mixes) {
      var next = tail;
      for (var k = 0u; k < size; k++) {
        next -= gamma[k] * history[d_image + k * params.pad + i];
      }
      if (abs(next) > params.tail) {
        moved = old + next / params.scale;
        next -= (moved - old) * params.scale;
        f[at + i] = moved;
      }
      level[at + i] = log_w + next;
    }
    let left = level[at + i] - log_w;
    history[x_f + i] = moved;
    history[x_tail + i] = left;
    history[moves + i] = params.scale * (moved - old) + (left - tail);
  }
  if (!goes || lane > 0u) { return; }
  state[own] = f32(select(seen + 1u, 2u, fails));
  state[own + 1u] = select(min(square, least), square, starts || fails);
  for (var k = 0u; k < MOST * MOST; k++) { state[own + 2u + k] = gram[k]; }
}
