// total = sum_r loss[r] / d,  count = number of rows whose target is not ignore_index
//
// d is 1, or count with MEAN 1; a mean of no rows is NaN, as in PyTorch.
//
// shapes: loss, target [rows]; total, count one element
// access: one team in all; invocation i takes the rows i, i + TEAM, ... in order, and adds them up in blocks
//         of 64, so that rounding errors do not grow with the number of rows
#include "team"
const TEAM = 1u; // 1 | 64 | 256
override MEAN: u32 = 1; // 0 | 1

struct Params {
  rows: u32,
  ignore_index: i32,
  nan_bits: u32,
}

@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> target_class: array<i32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;
@group(0) @binding(3) var<storage, read_write> count: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(TEAM)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sums = vec2f(0.0);
  for (var first = lane; first < params.rows; first += 64u * TEAM) {
    let end = min(first + 64u * TEAM, params.rows);
    var part = vec2f(0.0);
    for (var r = first; r < end; r += TEAM) {
      part += vec2f(loss[r], f32(target_class[r] != params.ignore_index));
    }
    sums += part;
  }
  let sum = team_sum(sums.x, lane);
  let rows = team_sum(sums.y, lane);
  if (lane != 0u) { return; }
  count[0] = rows;
  if (MEAN == 0u) {
    total[0] = sum;
  } else if (rows > 0.0) {
    total[0] = sum / rows;
  } else {
    total[0] = bitcast<f32>(params.nan_bits);
  }
}
