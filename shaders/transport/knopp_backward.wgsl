// dx, and the cotangents of the logarithms of the marginals, of transport/knopp from those of p: the rounds are
// computed again, each line's offset is kept, and then they are undone one by one (include/knopp_backward). Exact
// for the rounds that were made, whether or not they have converged.
//
// shapes: as transport/knopp; g as p; dx as x; d_rows as log_rows, d_cols as log_cols, written if `marginals`;
//         work [invocations, 2 rows cols + (iterations + 1) (rows + cols)]: logarithms, their cotangents, those of
//         the marginals, the offsets of each round
// access: four matrices side by side, as transport/knopp
#include "grid"
#include "knopp_backward"
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
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> work: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_rows: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_cols: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

#include "knopp_fours"

fn cotangent(at: u32) -> vec4f { return work[at]; }
fn keep_cotangent(at: u32, value: vec4f) { work[at] = value; }

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let slot = linear_index(id, groups, GROUP);
  let slots = groups.x * groups.y * GROUP;
  let rows = params.rows;
  let cols = params.cols;
  let size = rows * cols;
  let lines = rows + cols;
  let base = slot * (2u * size + (params.iterations + 1u) * lines);
  let slope = base + size;
  let sums = slope + size;
  for (var b = slot * 4u; b < params.batch; b += slots * 4u) {
    let four = min(vec4u(b) + vec4u(0u, 1u, 2u, 3u), vec4u(params.batch - 1u));
    let spoiled = take_logits(base, four);
    for (var t = 1u; t <= params.iterations; t++) {
      let offsets = sums + t * lines;
      for (var j = 0u; j < cols; j++) {
        work[offsets + rows + j] = normalise_line(base + j, cols, rows, 0u, log_col_of(four, j));
      }
      for (var i = 0u; i < rows; i++) {
        work[offsets + i] = normalise_line(base + i * cols, 1u, cols, 0u, log_row_of(four, i));
      }
    }
    for (var k = 0u; k < size; k++) {
      let at = four * size + k;
      work[slope + k] = exp(work[base + k]) * vec4f(g[at.x], g[at.y], g[at.z], g[at.w]);
    }
    for (var k = 0u; k < lines; k++) { work[sums + k] = vec4f(0.0); }
    for (var t = params.iterations; t > 0u; t--) {
      let offsets = sums + t * lines;
      for (var i = 0u; i < rows; i++) {
        let line = i * cols;
        let offset = work[offsets + i];
        work[sums + i] += reverse_line(base + line, slope + line, 1u, cols, 0u, log_row_of(four, i), offset);
      }
      for (var j = 0u; j < cols; j++) {
        let offset = work[offsets + rows + j];
        work[sums + rows + j] += reverse_line(base + j, slope + j, cols, rows, 0u, log_col_of(four, j), offset);
      }
    }
    for (var k = 0u; k < size; k++) {
      let values = spoil(work[slope + k] * params.scale, spoiled);
      let at = four * size + k;
      dx[at.x] = values.x;
      dx[at.y] = values.y;
      dx[at.z] = values.z;
      dx[at.w] = values.w;
    }
    if (params.marginals == 1u) {
      for (var i = 0u; i < rows; i++) {
        let values = spoil(work[sums + i], spoiled);
        let at = four * rows + i;
        d_rows[at.x] = values.x;
        d_rows[at.y] = values.y;
        d_rows[at.z] = values.z;
        d_rows[at.w] = values.w;
      }
      for (var j = 0u; j < cols; j++) {
        let values = spoil(work[sums + rows + j], spoiled);
        let at = four * cols + j;
        d_cols[at.x] = values.x;
        d_cols[at.y] = values.y;
        d_cols[at.z] = values.z;
        d_cols[at.w] = values.w;
      }
    }
  }
}
