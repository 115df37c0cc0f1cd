// y[n, g, o, q] = sum over c and k of x[n, g, c, (q stride + k kernel_dilation - low) / dilation] w[g, o, c, k] + bias[g, o]
//
// shapes: x, w, y any strides (negative ones wrap around)
// access: an invocation computes 4 neighbours of y along the last dimension from x as it lies. For few
// channels, where arranging the operands would cost more than it saves (depthwise convolutions). Every sum
// runs over channels, then taps, in order.
#include "grid"
// 1: x has gaps between its elements
override DILATED: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  groups: u32,
  outs: u32,
  channels: u32,
  pixels_0: u32,
  pixels_1: u32,
  pixels_2: u32,
  taps_0: u32,
  taps_1: u32,
  taps_2: u32,
  size_0: u32,
  size_1: u32,
  size_2: u32,
  stride_0: u32,
  stride_1: u32,
  stride_2: u32,
  low_0: u32,
  low_1: u32,
  low_2: u32,
  dilation_0: u32,
  dilation_1: u32,
  dilation_2: u32,
  kernel_dilation_0: u32,
  kernel_dilation_1: u32,
  kernel_dilation_2: u32,
  x_offset: u32,
  x_image: u32,
  x_group: u32,
  x_channel: u32,
  x_0: u32,
  x_1: u32,
  x_2: u32,
  w_offset: u32,
  w_group: u32,
  w_out: u32,
  w_channel: u32,
  w_0: u32,
  w_1: u32,
  w_2: u32,
  y_start: u32,
  y_image: u32,
  y_group: u32,
  y_out: u32,
  y_0: u32,
  y_1: u32,
  y_2: u32,
  biased: u32,
  bias_group: u32,
  bias_col: u32,
  bias_offset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> w: array<T>;
@group(0) @binding(2) var<storage, read> bias: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<uniform> params: Params;

const none = 0xffffffffu;

// The element of x at a position with gaps, or none.
fn source(t: u32, dilation: u32, size: u32) -> u32 {
  if (DILATED == 0u) { return select(none, t, t < size); }
  let i = t / dilation;
  return select(none, i, i < size && t == i * dilation);
}

fn load(row: u32, t: u32) -> f32 {
  let i = source(t, params.dilation_2, params.size_2);
  if (i == none) { return 0.0; }
  return f32(x[row + i * params.x_2]);
}

// The elements that one tap meets for four neighbouring pixels.
fn load_four(row: u32, t: u32) -> vec4f {
  let u = t + vec4<u32>(0u, 1u, 2u, 3u) * params.stride_2;
  if (DILATED == 0u && u.x < params.size_2 && u.w < params.size_2) {
    let at = row + u * params.x_2;
    return vec4f(vec4<T>(x[at.x], x[at.y], x[at.z], x[at.w]));
  }
  return vec4f(load(row, u.x), load(row, u.y), load(row, u.z), load(row, u.w));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let quads = (params.pixels_2 + 3u) / 4u;
  let q2 = item % quads * 4u;
  let line = item / quads;
  let q1 = line % params.pixels_1;
  let q0 = line / params.pixels_1 % params.pixels_0;
  let plane = line / params.pixels_1 / params.pixels_0;
  let out = plane % params.outs;
  let group = plane / params.outs % params.groups;
  let image = plane / params.outs / params.groups;
  let from_x = params.x_offset + image * params.x_image + group * params.x_group;
  let from_w = params.w_offset + group * params.w_group + out * params.w_out;
  let at_0 = q0 * params.stride_0 - params.low_0;
  let at_1 = q1 * params.stride_1 - params.low_1;
  let at_2 = q2 * params.stride_2 - params.low_2;

  var sum: vec4f;
  for (var c = 0u; c < params.channels; c++) {
    for (var k0 = 0u; k0 < params.taps_0; k0++) {
      let i0 = source(at_0 + k0 * params.kernel_dilation_0, params.dilation_0, params.size_0);
      if (i0 == none) { continue; }
      for (var k1 = 0u; k1 < params.taps_1; k1++) {
        let i1 = source(at_1 + k1 * params.kernel_dilation_1, params.dilation_1, params.size_1);
        if (i1 == none) { continue; }
        let row = from_x + c * params.x_channel + i0 * params.x_0 + i1 * params.x_1;
        var tap = from_w + c * params.w_channel + k0 * params.w_0 + k1 * params.w_1;
        var t = at_2;
        for (var k2 = 0u; k2 < params.taps_2; k2++) {
          sum += f32(w[tap]) * load_four(row, t);
          tap += params.w_2;
          t += params.kernel_dilation_2;
        }
      }
    }
  }
  if (params.biased == 1u) {
    sum += f32(bias[params.bias_offset + group * params.bias_group + out * params.bias_col]);
  }
  let to = params.y_start + image * params.y_image + group * params.y_group + out * params.y_out
    + q0 * params.y_0 + q1 * params.y_1 + q2 * params.y_2;
  let rest = params.pixels_2 - q2;
  y[to] = T(sum.x);
  if (rest > 1u) { y[to + params.y_2] = T(sum.y); }
  if (rest > 2u) { y[to + 2u * params.y_2] = T(sum.z); }
  if (rest > 3u) { y[to + 3u * params.y_2] = T(sum.w); }
}
