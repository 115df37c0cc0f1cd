// transport/knopp_backward, a team of invocations for each matrix: for GPUs
//
// shapes: as transport/knopp_backward, with work [workgroups, 64 / TEAM, iterations (rows + cols)]: the offsets of
//         each round; rows and cols at most TEAM
// access: a line per invocation; logarithms in workgroup memory (include/knopp_team), cotangents in dx. Workgroups
//         take several fillings, so that work stays small.
#include "grid"
#include "knopp_backward"
#include "knopp_team"
alias V = f32;
const TEAM = 4u; // 4 | 8 | 16 | 32 | 64

struct Params {
  batch: u32,
  rows: u32,
  cols: u32,
  iterations: u32,
  scale: f32,
  marginals: u32,
  log_row: f32,
  log_col: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> log_rows: array<f32>;
@group(0) @binding(2) var<storage, read> log_cols: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> work: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_rows: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_cols: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

fn cotangent(at: u32) -> f32 { return dx[at]; }
fn keep_cotangent(at: u32, value: f32) { dx[at] = value; }

fn wait() {
  workgroupBarrier();
  storageBarrier();
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let lane = local % TEAM;
  let rows = params.rows;
  let cols = params.cols;
  let size = rows * cols;
  let lines = rows + cols;
  let base = local / TEAM * size;
  let own = linear_group(group, groups);
  let offsets = (own * MATRICES + local / TEAM) * params.iterations * lines;
  let all = groups.x * groups.y * MATRICES;
  let from_row = lane % cols;
  let from_col = lane % rows;
  for (var b = own * MATRICES; b < params.batch; b += all) {
    let matrix = b + local / TEAM;
    let present = matrix < params.batch;
    let has_row = present && lane < rows;
    let has_col = present && lane < cols;
    let to = matrix * size;
    let row = lane * cols;
    var log_row = 0.0;
    var log_col = 0.0;
    if (has_row) { log_row = log_row_of(matrix, lane); }
    if (has_col) { log_col = log_col_of(matrix, lane); }
    wait();
    if (lane == 0u) { atomicStore(&spoiled[local / TEAM], 0u); }
    wait();
    if (present) { take_logits(base, matrix, lane); }
    wait();
    for (var t = 0u; t < params.iterations; t++) {
      let at = offsets + t * lines + lane;
      if (has_col) { work[at + rows] = normalise_line(base + lane, cols, rows, from_col, log_col); }
      wait();
      if (has_row) { work[at] = normalise_line(base + row, 1u, cols, from_row, log_row); }
      wait();
    }
    if (present) {
      for (var k = lane; k < size; k += TEAM) { dx[to + k] = exp(tile[base + k]) * g[to + k]; }
    }
    wait();
    var d_row = 0.0;
    var d_col = 0.0;
    for (var t = params.iterations; t > 0u; t--) {
      let at = offsets + (t - 1u) * lines + lane;
      if (has_row) {
        d_row += reverse_line(base + row, to + row, 1u, cols, from_row, log_row, work[at]);
      }
      wait();
      if (has_col) {
        d_col += reverse_line(base + lane, to + lane, cols, rows, from_col, log_col, work[at + rows]);
      }
      wait();
    }
    let bits = atomicLoad(&spoiled[local / TEAM]);
    if (present) {
      for (var k = lane; k < size; k += TEAM) { dx[to + k] = spoil(dx[to + k] * params.scale, bits); }
    }
    if (params.marginals == 1u) {
      if (has_row) { d_rows[matrix * rows + lane] = spoil(d_row, bits); }
      if (has_col) { d_cols[matrix * cols + lane] = spoil(d_col, bits); }
    }
  }
}
