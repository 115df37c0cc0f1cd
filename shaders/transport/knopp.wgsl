// p = Sinkhorn-Knopp of x, one invocation for four matrices: each round normalises the columns of log p = scale x,
// then its rows, to sums that are given (see include/knopp); p = exp log p
//
// shapes: x, p [batch, rows, cols]; log_rows [batch, rows], log_cols [batch, cols], read if `marginals`, otherwise
//         log_row and log_col are those of all; work [invocations, rows, cols]; all dense
// access: four matrices side by side in vec4s, of which only the first and the last step touch x and p; those past
//         the end of the batch are the last again. Invocations take several fours, so that work stays small.
// source: Sinkhorn, Knopp 1967; in logarithms: Mena, Belanger, Linderman, Snoek 2018 (Gumbel-Sinkhorn)
#include "grid"
#include "knopp"
alias V = vec4f;
const GROUP = 64u; // 1 | 64

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
@group(0) @binding(3) var<storage, read_write> work: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> p: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

#include "knopp_fours"

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let slot = linear_index(id, groups, GROUP);
  let slots = groups.x * groups.y * GROUP;
  let rows = params.rows;
  let cols = params.cols;
  let size = rows * cols;
  let base = slot * size;
  for (var b = slot * 4u; b < params.batch; b += slots * 4u) {
    let four = min(vec4u(b) + vec4u(0u, 1u, 2u, 3u), vec4u(params.batch - 1u));
    let spoiled = take_logits(base, four);
    for (var t = 0u; t < params.iterations; t++) {
      for (var j = 0u; j < cols; j++) { normalise_line(base + j, cols, rows, 0u, log_col_of(four, j)); }
      for (var i = 0u; i < rows; i++) {
        if (t + 1u < params.iterations) {
          normalise_line(base + i * cols, 1u, cols, 0u, log_row_of(four, i));
        } else {
          probability_line(base + i * cols, 1u, cols, 0u, log_row_of(four, i));
        }
      }
    }
    for (var k = 0u; k < size; k++) {
      let values = spoil(work[base + k], spoiled);
      let at = four * size + k;
      p[at.x] = values.x;
      p[at.y] = values.y;
      p[at.z] = values.z;
      p[at.w] = values.w;
    }
  }
}
