// y[.., j, ..] = sum of x[.., w, .., k] over the windows w and places k in them with w step + k dilation = j
//
// The way back from windows (unfold). No atomics: one invocation owns an element of y and goes through
// the windows that hold it, in their order.
//
// shapes: y dense; x walks the dimensions of y, those of the windows apart, with strides of its own
// access: one element per invocation, at most ceil(((size - 1) dilation + 1) / step) windows
#include "grid"
#include "strided"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32

struct Params {
  shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  j_strides: array<vec4<u32>, 2>,
  count: u32,
  x_offset: u32,
  windows: u32,
  window_stride: u32,
  size: u32,
  place_stride: u32,
  step: u32,
  dilation: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item;
  var from_x = params.x_offset;
  var j = 0u;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let i = rest % size;
    rest /= size;
    from_x += i * dim_of(params.x_strides, d - 1u);
    j += i * dim_of(params.j_strides, d - 1u);
  }
  let reach = (params.size - 1u) * params.dilation;
  var first = 0u;
  if (j > reach) { first = (j - reach + params.step - 1u) / params.step; }
  let past = min(j / params.step + 1u, params.windows);
  var total = C(0);
  for (var w = first; w < past; w++) {
    let distance = j - w * params.step;
    if (distance % params.dilation == 0u) {
      total += C(x[from_x + w * params.window_stride + distance / params.dilation * params.place_stride]);
    }
  }
  y[item] = T(total);
}
