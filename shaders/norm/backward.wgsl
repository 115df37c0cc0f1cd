// dx[r, c] = rstd_r (h_c - mean_k h_k - n_c mean_k h_k n_k),  h = g weight,  n = (x - mean_r) rstd_r
//
// CENTERED 0 (root-mean-square normalisation): without mean_k h_k
//
// shapes: x, g, dx [rows, cols] dense; weight [cols]; mean, rstd [rows]; cols counts Vs. A missing weight
//         may be bound to anything that is read.
// access: one team per row, two passes
#include "grid"
#include "lanes"
#include "team"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256
override CENTERED: u32 = 1; // 0 | 1
override HAS_WEIGHT: u32 = 1; // 0 | 1

struct Params {
  rows: u32,
  cols: u32,
  // The bits of +infinity, for the functions of epilogues.
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> weight: array<V>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<V>;
@group(0) @binding(5) var<storage, read_write> dx: array<V>;
@group(0) @binding(6) var<uniform> params: Params;

fn weighted(base: u32, c: u32) -> V {
  if (HAS_WEIGHT == 1u) { return g[base + c] * weight[c]; }
  return g[base + c];
}

// Stores x as element i of dx, in the given column. An epilogue takes the place of this function: see
// src/ops/epilogue.ts.
fn put(i: u32, column: u32, x: V) { dx[i] = x; }

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let base = row * params.cols;
  let end = select(0u, params.cols, row < params.rows);
  let count = f32(params.cols * lane_count());
  let center = mean[min(row, params.rows - 1u)];
  let scale = rstd[min(row, params.rows - 1u)];

  var plain = V(0.0);
  var along = V(0.0);
  for (var c = lane; c < end; c += TEAM) {
    let h = weighted(base, c);
    plain += h;
    along += h * ((x[base + c] - center) * scale);
  }
  let projection = team_sum(sum_lanes(along), lane) / count;
  var shift = 0.0;
  if (CENTERED == 1u) { shift = team_sum(sum_lanes(plain), lane) / count; }

  for (var c = lane; c < end; c += TEAM) {
    let n = (x[base + c] - center) * scale;
    put(base + c, c, scale * (weighted(base, c) - shift - n * projection));
  }
}
