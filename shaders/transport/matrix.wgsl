// A cost matrix as the kernels read it: rows padded with zeros to a multiple of 16, Infinity replaced by FORBIDDEN.
//
// shapes: x [problems, rows, cols] with any strides; y [problems, rows, cols4] in vec4s
// access: one invocation per vec4 of y
#include "grid"
#include "fault"
#include "transport_forbidden"

struct Params {
  problems: u32,
  rows: u32,
  cols: u32,
  cols4: u32,
  offset: u32,
  problem_stride: u32,
  row_stride: u32,
  col_stride: u32,
  // Where NaN and -Infinity are reported.
  site: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let row = item / params.cols4;
  let j4 = item % params.cols4;
  if (row >= params.problems * params.rows) { return; }
  let problem = row / params.rows;
  let i = row % params.rows;
  let at = params.offset + problem * params.problem_stride + i * params.row_stride;
  var four = vec4f(0.0);
  for (var k = 0u; k < 4u; k++) {
    let j = j4 * 4u + k;
    if (j < params.cols) {
      let bits = x[at + j * params.col_stride];
      if (bits == 0x7f800000u) {
        four[k] = FORBIDDEN;
      } else {
        four[k] = min(bitcast<f32>(bits), FORBIDDEN);
        if ((bits & 0x7f800000u) == 0x7f800000u) { report_fault(params.site, i32(j), i); }
      }
    }
  }
  y[item] = four;
}
