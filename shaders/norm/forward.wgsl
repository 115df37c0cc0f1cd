// y[r, c] = (x[r, c] - mean_r) rstd_r weight[c] + bias[c],  rstd_r = 1 / sqrt(var_r + eps)
//
// CENTERED 1: layer normalisation, var the population variance of the row
// CENTERED 0: root-mean-square normalisation, mean 0 and var the mean square
//
// shapes: x, y [rows, cols] dense; weight, bias [cols]; mean, rstd [rows]; cols counts Vs. A missing
//         weight or bias may be bound to anything that is read.
// access: one team per row, three passes: mean, variance, result
// source: Ba, Kiros, Hinton 2016 (arXiv:1607.06450); Zhang, Sennrich 2019 (arXiv:1910.07467). The second
//         pass is the corrected two-pass algorithm of Chan, Golub, LeVeque 1983: the sum of deviations,
//         zero in exact arithmetic, takes out the rounding error of the mean.
#include "grid"
#include "lanes"
#include "team"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256
override CENTERED: u32 = 1; // 0 | 1
override HAS_WEIGHT: u32 = 1; // 0 | 1
override HAS_BIAS: u32 = 1; // 0 | 1

struct Params {
  rows: u32,
  cols: u32,
  eps: f32,
  // The bits of +infinity, for the functions of epilogues.
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> weight: array<V>;
@group(0) @binding(2) var<storage, read> bias: array<V>;
@group(0) @binding(3) var<storage, read_write> y: array<V>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// Stores x as element i of y, in the given column. An epilogue takes the place of this function: see
// src/ops/epilogue.ts.
fn put(i: u32, column: u32, x: V) { y[i] = x; }

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

  var center = 0.0;
  if (CENTERED == 1u) {
    var sum = V(0.0);
    for (var c = lane; c < end; c += TEAM) { sum += x[base + c]; }
    center = team_sum(sum_lanes(sum), lane) / count;
  }

  var deviations = V(0.0);
  var squares = V(0.0);
  for (var c = lane; c < end; c += TEAM) {
    let d = x[base + c] - center;
    deviations += d;
    squares += d * d;
  }
  var correction = 0.0;
  if (CENTERED == 1u) { correction = team_sum(sum_lanes(deviations), lane) / count; }
  let variance = team_sum(sum_lanes(squares), lane) / count - correction * correction;
  let scale = 1.0 / sqrt(variance + params.eps);

  for (var c = lane; c < end; c += TEAM) {
    var value = ((x[base + c] - center) - correction) * scale;
    if (HAS_WEIGHT == 1u) { value *= weight[c]; }
    if (HAS_BIAS == 1u) { value += bias[c]; }
    put(base + c, c, value);
  }
  if (lane == 0u && row < params.rows) {
    mean[row] = center + correction;
    rstd[row] = scale;
  }
}
