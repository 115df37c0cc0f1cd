// transport/knopp, a team of invocations for each matrix: for GPUs
//
// shapes: x, p [batch, rows, cols]; log_rows [batch, rows], log_cols [batch, cols], read if `marginals`, otherwise
//         log_row and log_col are those of all; all dense; rows and cols at most TEAM
// access: a line per invocation, in workgroup memory (include/knopp_team)
#include "grid"
#include "knopp"
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
@group(0) @binding(3) var<storage, read_write> p: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let lane = local % TEAM;
  let matrix = linear_group(group, groups) * MATRICES + local / TEAM;
  let rows = params.rows;
  let cols = params.cols;
  let size = rows * cols;
  let base = local / TEAM * size;
  let present = matrix < params.batch;
  let has_row = present && lane < rows;
  let has_col = present && lane < cols;
  if (present) { take_logits(base, matrix, lane); }
  workgroupBarrier();
  for (var t = 0u; t < params.iterations; t++) {
    if (has_col) { normalise_line(base + lane, cols, rows, lane % rows, log_col_of(matrix, lane)); }
    workgroupBarrier();
    if (has_row) {
      let log_mass = log_row_of(matrix, lane);
      if (t + 1u < params.iterations) {
        normalise_line(base + lane * cols, 1u, cols, lane % cols, log_mass);
      } else {
        probability_line(base + lane * cols, 1u, cols, lane % cols, log_mass);
      }
    }
    workgroupBarrier();
  }
  if (present) {
    let bits = atomicLoad(&spoiled[local / TEAM]);
    for (var k = lane; k < size; k += TEAM) { p[matrix * size + k] = spoil(tile[base + k], bits); }
  }
}
