// u[group, i, j, out, channel] = (G w G^T)[i, j], where w is the 3x3 elements of the kernel
//
//      1    0    0
// G = 1/2  1/2  1/2
//     1/2 -1/2  1/2
//      0    0    1
//
// shapes: w any strides (negative ones wrap around); u dense; see include/winograd
// access: an invocation transforms the kernel of one output and one input channel
#include "grid"
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  channels: u32,
  outs: u32,
  offset: u32,
  w_group: u32,
  w_out: u32,
  w_channel: u32,
  w_1: u32,
  w_2: u32,
}

@group(0) @binding(0) var<storage, read> w: array<T>;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let channel = item % params.channels;
  let out = item / params.channels % params.outs;
  let group = item / params.channels / params.outs;
  let from_w = params.offset + group * params.w_group + out * params.w_out
    + channel * params.w_channel;

  // Along the columns of w, three at once; then along the rows.
  var rows: array<vec3f, 3>;
  for (var i = 0u; i < 3u; i++) {
    let at = from_w + i * params.w_1;
    rows[i] = vec3f(f32(w[at]), f32(w[at + params.w_2]), f32(w[at + 2u * params.w_2]));
  }
  let ends = 0.5 * (rows[0] + rows[2]);
  let middle = 0.5 * rows[1];
  let lines = array<vec3f, 4>(rows[0], ends + middle, ends - middle, rows[2]);
  let plane = params.outs * params.channels;
  var to = (group * 16u * params.outs + out) * params.channels + channel;
  for (var i = 0u; i < 4u; i++) {
    let line = lines[i];
    let end = 0.5 * (line.x + line.z);
    u[to] = line.x;
    u[to + plane] = end + 0.5 * line.y;
    u[to + 2u * plane] = end - 0.5 * line.y;
    u[to + 3u * plane] = line.z;
    to += 4u * plane;
  }
}
