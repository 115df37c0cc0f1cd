// x = t^-1 (x - p) for a small lower triangular t, in place
//
// Substitution, each sum in the order of the rows. An upper triangle is a lower one backwards: the host gives
// the last element as the first and negative strides (modulo 2^32). A diagonal element that is 0 is
// reported, if there is a site for it, and its row of x becomes 0.
//
// shapes: t [batch, size, size], size at most 32, of which the lower triangle is read; x [batch, size, cols]; p
//         the same, if `subtract`; all with strides
// access: one invocation per four columns of x
#include "grid"
#include "fault"

struct Params {
  items: u32,
  size: u32,
  cols: u32,
  // Of the diagonal: 0 as if it were 1, 1 as it is, 2 half of it, and 1 where that is 0.
  diagonal: u32,
  subtract: u32,
  t_offset: u32,
  t_batch: u32,
  t_row: u32,
  t_col: u32,
  x_offset: u32,
  x_batch: u32,
  x_row: u32,
  x_col: u32,
  p_offset: u32,
  p_batch: u32,
  p_row: u32,
  p_col: u32,
  site: u32,
  // The row of the whole matrix that row i of t is: first + i * step.
  first: u32,
  step: u32,
}

@group(0) @binding(0) var<storage, read> t: array<f32>;
@group(0) @binding(1) var<storage, read> p: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.items) { return; }
  let quads = (params.cols + 3u) / 4u;
  let matrix = item / quads;
  // Past the last column the last is computed again.
  let col = min(vec4u(item % quads * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(params.cols - 1u));
  let to = col * params.x_col + params.x_offset + matrix * params.x_batch;
  let by = col * params.p_col + params.p_offset + matrix * params.p_batch;
  let from_t = params.t_offset + matrix * params.t_batch;
  var y: array<vec4f, 32>;
  for (var i = 0u; i < params.size; i++) {
    let at = to + i * params.x_row;
    var sum = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
    if (params.subtract == 1u) {
      let less = by + i * params.p_row;
      sum -= vec4f(p[less.x], p[less.y], p[less.z], p[less.w]);
    }
    let row = from_t + i * params.t_row;
    for (var k = 0u; k < i; k++) { sum -= t[row + k * params.t_col] * y[k]; }
    if (params.diagonal > 0u) {
      var pivot = t[row + i * params.t_col];
      let zero = (bitcast<u32>(pivot) & 0x7fffffffu) == 0u;
      if (params.diagonal == 2u) {
        pivot = select(pivot * 0.5, 1.0, zero);
      } else if (zero) {
        if (params.site != 0u && item % quads == 0u) {
          report_fault(params.site, bitcast<i32>(params.first + i * params.step), matrix);
        }
        pivot = 1.0;
        sum = vec4f();
      }
      sum /= pivot;
    }
    y[i] = sum;
    x[at.x] = sum.x;
    x[at.y] = sum.y;
    x[at.z] = sum.z;
    x[at.w] = sum.w;
  }
}
