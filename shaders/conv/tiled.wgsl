// y = x * w + bias, as one product of matrices per group, of which neither is stored
//
// A row is an output pixel of an image, a column is an output channel, and what is summed over are the input
// channels and, for each, the taps of the kernel (implicit GEMM: Chetlur et al. 2014, "cuDNN").
//
// shapes: x, w, y any strides (negative ones wrap around); x without gaps between its elements
// access: as matmul/tiled: SIDE x SIDE invocations share tiles in workgroup memory, 16 channels and taps at a
// time, and keep GROUPS x GROUPS blocks of 4x4 of y each. The windows of x are gathered while a tile is
// loaded, neighbouring invocations from neighbouring pixels; what lies outside x is 0. For GPUs. Every sum runs
// over channels, then taps, in order.
#include "grid"
override SIDE: u32 = 8; // 8 | 16
const GROUPS = 2u; // 1 | 2
alias T = f32; // f32 | f16

struct Params {
  // Output pixels of all images, output channels, and channels times taps; of each group.
  rows: u32,
  cols: u32,
  inner: u32,
  pixels: u32,
  pixels_1: u32,
  pixels_2: u32,
  taps: u32,
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
  // 1: add the bias. 0: there is none, and some other operand stands in its binding.
  biased: u32,
  bias_group: u32,
  bias_col: u32,
  bias_offset: u32,
  // Workgroups side by side along the columns, in one group, and in all.
  groups_n: u32,
  groups_product: u32,
  groups: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> w: array<T>;
@group(0) @binding(2) var<storage, read> bias: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<uniform> params: Params;

// Row k of a tile: SIDE * GROUPS vec4s.
var<workgroup> tile_x: array<vec4f, 16u * SIDE * GROUPS>;
var<workgroup> tile_w: array<vec4f, 16u * SIDE * GROUPS>;

// Where the first tap of four neighbouring rows lies: by dimension, and in the memory of the first channel.
struct Windows {
  t0: vec4<u32>,
  t1: vec4<u32>,
  t2: vec4<u32>,
  at: vec4<u32>,
}

fn windows(row: u32, base: u32) -> Windows {
  let r = min(row + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.rows - 1u));
  let pixel = r % params.pixels;
  let line = pixel / params.pixels_2;
  var v: Windows;
  v.t0 = line / params.pixels_1 * params.stride_0 - params.low_0;
  v.t1 = line % params.pixels_1 * params.stride_1 - params.low_1;
  v.t2 = pixel % params.pixels_2 * params.stride_2 - params.low_2;
  v.at = base + r / params.pixels * params.x_image
    + v.t0 * params.x_0 + v.t1 * params.x_1 + v.t2 * params.x_2;
  return v;
}

// A channel and a tap: x, y, z are the tap by dimension, w is the channel.
fn inner_at(k: u32) -> vec4<u32> {
  let i = min(k, params.inner - 1u);
  let tap = i % params.taps;
  let line = tap / params.taps_2;
  return vec4<u32>(
    line / params.taps_1, line % params.taps_1, tap % params.taps_2, i / params.taps);
}

fn load(at: u32, inside: bool) -> f32 {
  return select(0.0, f32(x[select(0u, at, inside)]), inside);
}

// What one tap meets in one channel, for four rows.
fn load_x(v: Windows, k: u32) -> vec4f {
  let i = inner_at(k);
  let o = i.xyz * vec3<u32>(
    params.kernel_dilation_0, params.kernel_dilation_1, params.kernel_dilation_2);
  let inside = (v.t0 + o.x < vec4<u32>(params.size_0)) & (v.t1 + o.y < vec4<u32>(params.size_1))
    & (v.t2 + o.z < vec4<u32>(params.size_2));
  let at = v.at + i.w * params.x_channel + o.x * params.x_0 + o.y * params.x_1 + o.z * params.x_2;
  return vec4f(
    load(at.x, inside.x), load(at.y, inside.y), load(at.z, inside.z), load(at.w, inside.w));
}

// One channel and tap of four neighbouring columns, the first of which lies at `at.x`.
fn load_w(at: vec4<u32>, k: u32) -> vec4f {
  let i = inner_at(k);
  let q = at + i.w * params.w_channel + i.x * params.w_0 + i.y * params.w_1 + i.z * params.w_2;
  return vec4f(vec4<T>(w[q.x], w[q.y], w[q.z], w[q.w]));
}

// u v^T: column j is u * v[j].
fn outer(u: vec4f, v: vec4f) -> mat4x4f {
  return mat4x4f(u * v.x, u * v.y, u * v.z, u * v.w);
}

fn out_at(row: u32) -> u32 {
  let pixel = row % params.pixels;
  let line = pixel / params.pixels_2;
  return params.y_start + row / params.pixels * params.y_image
    + line / params.pixels_1 * params.y_0 + line % params.pixels_1 * params.y_1
    + pixel % params.pixels_2 * params.y_2;
}

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = linear_group(id, groups);
  if (index >= params.groups) { return; }
  let group = index / params.groups_product;
  let tile = index % params.groups_product;
  let width = SIDE * GROUPS;
  let row = (tile / params.groups_n) * width * 4u;
  let col = (tile % params.groups_n) * width * 4u;

  // Each tile is 4 * width blocks of 4x4, at most one per invocation: the first invocations load x, neighbours
  // along the pixels, and the last load w, neighbours along channels and taps.
  let rest = SIDE * SIDE - 1u - lane;
  let seen = windows(row + lane % width * 4u, params.x_offset + group * params.x_group);
  let columns = min(
    col + rest / 4u * 4u + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.cols - 1u));
  let w_at = params.w_offset + group * params.w_group + columns * params.w_out;

  // Variables instead of an array: a compiler that does not unroll the loops keeps them in registers.
  var x0: mat4x4f;
  var x1: mat4x4f;
  var x2: mat4x4f;
  var x3: mat4x4f;
  for (var k = 0u; k < params.inner; k += 16u) {
    workgroupBarrier();
    if (lane < 4u * width) {
      let step = lane / width * 4u;
      for (var q = step; q < step + 4u; q++) {
        tile_x[q * width + lane % width] = load_x(seen, k + q);
      }
    }
    if (rest < 4u * width) {
      let step = rest % 4u * 4u;
      for (var q = step; q < step + 4u; q++) {
        tile_w[q * width + rest / 4u] = load_w(w_at, k + q);
      }
    }
    workgroupBarrier();
    let depth = min(params.inner - k, 16u);
    for (var q = 0u; q < depth; q++) {
      let u0 = tile_x[q * width + local.y];
      let v0 = tile_w[q * width + local.x];
      x0 += outer(u0, v0);
      if (GROUPS == 2u) {
        let u1 = tile_x[q * width + SIDE + local.y];
        let v1 = tile_w[q * width + SIDE + local.x];
        x1 += outer(u0, v1);
        x2 += outer(u1, v0);
        x3 += outer(u1, v1);
      }
    }
  }

  for (var i = 0u; i < 4u * GROUPS; i++) {
    let r = row + (i >> 2u) * SIDE * 4u + local.y * 4u + (i & 3u);
    if (r >= params.rows) { continue; }
    let to = out_at(r) + group * params.y_group;
    for (var j = 0u; j < 4u * GROUPS; j++) {
      let c = col + (j >> 2u) * SIDE * 4u + local.x * 4u + (j & 3u);
      if (c >= params.cols) { continue; }
      var part = x0;
      if (j >= 4u) { part = x1; }
      if (i >= 4u) {
        part = x2;
        if (j >= 4u) { part = x3; }
      }
      var sum = part[j & 3u][i & 3u];
      if (params.biased == 1u) {
        sum += f32(bias[params.bias_offset + group * params.bias_group + c * params.bias_col]);
      }
      y[to + c * params.y_out] = T(sum);
    }
  }
}
