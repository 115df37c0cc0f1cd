// The rows' part of an iteration of LR-Dykstra, for both factors, whose rows lie one after the other:
//   u_i = p_i / Σ_k E_ik v_k,   and for each chunk of rows  Σ_i E_ik u_i  and  Σ_i |u_i before · Σ_k E_ik v_k - p_i|,
// how far the rows of the factors were from their marginals before.
//
// shapes: e [problems, rows, rank], p, u [problems, rows], v [problems, 2, rank] dense; sums [problems, chunks, rank],
//   errors [problems, chunks]; control [problems]: 1 where done
// access: one team per chunk of up to `size` rows of one factor; sums in fixed order
// source: Scetbon, Cuturi, Peyré, Low-rank Sinkhorn factorization, 2021, algorithm 2
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  problems: u32,
  // Of a problem, and how many of them are the left factor's.
  chunks: u32,
  left_chunks: u32,
  size: u32,
  rows: u32,
  left_rows: u32,
  rank: u32,
}

@group(0) @binding(0) var<storage, read> e: array<f32>;
@group(0) @binding(1) var<storage, read> p: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> control: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> u: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> errors: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let chunk = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let problem = chunk / params.chunks;
  let at = chunk % params.chunks;
  var goes = problem < params.problems;
  if (goes) { goes = control[problem].x == 0.0; }
  let right = at >= params.left_chunks;
  let first = select(at * params.size, params.left_rows + (at - params.left_chunks) * params.size, right);
  let last = min(first + params.size, select(params.left_rows, params.rows, right));
  let end = select(first, last, goes);
  let side = (2u * problem + select(0u, 1u, right)) * params.rank;

  var error = 0.0;
  for (var i = first + lane; i < end; i += TEAM) {
    let row = problem * params.rows + i;
    var product = 0.0;
    for (var k = 0u; k < params.rank; k++) { product += e[row * params.rank + k] * v[side + k]; }
    error += abs(u[row] * product - p[row]);
    u[row] = p[row] / max(product, 1e-37);
  }
  error = team_sum(error, lane);
  if (TEAM > 1u) { storageBarrier(); }
  let sum = chunk * params.rank;
  if (goes) {
    for (var k = lane; k < params.rank; k += TEAM) { sums[sum + k] = 0.0; }
    for (var i = first; i < end; i++) {
      let row = problem * params.rows + i;
      let scale = u[row];
      for (var k = lane; k < params.rank; k += TEAM) {
        sums[sum + k] += e[row * params.rank + k] * scale;
      }
    }
    if (lane == 0u) { errors[chunk] = error; }
  }
}
