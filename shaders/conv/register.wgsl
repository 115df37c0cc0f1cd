// y = x * w + bias, as one product of matrices per group
//
// shapes: see include/conv; y [image, group, out, pixel], dense
// access: an invocation keeps 8 pixels x 8 channels of y; the invocations of a workgroup have neighbouring
// pixels and the same channels. For each four input channels it loads 8 vec4s of x and 8 of w, for 256
// multiplications. No workgroup memory and no barriers: for GPUs and for drivers that run on a CPU. Every sum
// runs over taps, then channels, in order.
#include "grid"
#include "conv"
override WG: u32 = 8; // 8 | 16 | 32 | 64
// 1: channels are a multiple of four
override VECTOR_X: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> x4: array<vec4f>;
@group(0) @binding(2) var<storage, read> w4: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<T>;
@group(0) @binding(4) var<storage, read_write> y: array<T>;
@group(0) @binding(5) var<uniform> params: Params;

// u v^T: column j is u * v[j].
fn outer(u: vec4f, v: vec4f) -> mat4x4f {
  return mat4x4f(u * v.x, u * v.y, u * v.z, u * v.w);
}

fn pick_x(at: vec4<u32>) -> vec4f {
  return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
}

// Four pixels times four channels: one column per channel.
fn block_x(at: vec4<u32>) -> mat4x4f {
  let q = at >> vec4<u32>(2u);
  return transpose(mat4x4f(x4[q.x], x4[q.y], x4[q.z], x4[q.w]));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = linear_group(id, groups);
  if (index >= params.groups) { return; }
  let group = index / params.groups_product;
  let part = index % params.groups_product;
  let row = (part / params.groups_n * WG + lane) * 8u;
  let col = part % params.groups_n * 8u;
  let x_at = params.x_start + group * params.x_group;
  let p0 = x_at + vec4<u32>(row_at(row), row_at(row + 1u), row_at(row + 2u), row_at(row + 3u));
  let p1 = x_at + vec4<u32>(row_at(row + 4u), row_at(row + 5u), row_at(row + 6u), row_at(row + 7u));
  var w_at = (group * params.w_group + col) / 4u;
  let w_row = params.w_row / 4u;

  // Pixels 0 to 3 and 4 to 7, each times channels 0 to 3 and 4 to 7.
  var s00: mat4x4f;
  var s01: mat4x4f;
  var s10: mat4x4f;
  var s11: mat4x4f;
  if (VECTOR_X == 1u) {
    for (var i = 0u; i < params.inner; i += 4u) {
      let at = inner_at(i);
      let u0 = block_x(p0 + at);
      let u1 = block_x(p1 + at);
      for (var k = 0u; k < 4u; k++) {
        let v0 = w4[w_at];
        let v1 = w4[w_at + 1u];
        w_at += w_row;
        s00 += outer(u0[k], v0);
        s01 += outer(u0[k], v1);
        s10 += outer(u1[k], v0);
        s11 += outer(u1[k], v1);
      }
    }
  } else {
    for (var i = 0u; i < params.inner; i++) {
      let at = inner_at(i);
      let v0 = w4[w_at];
      let v1 = w4[w_at + 1u];
      w_at += w_row;
      let u0 = pick_x(p0 + at);
      s00 += outer(u0, v0);
      s01 += outer(u0, v1);
      let u1 = pick_x(p1 + at);
      s10 += outer(u1, v0);
      s11 += outer(u1, v1);
    }
  }

  let sums = array<mat4x4f, 4>(s00, s01, s10, s11);
  let channels = min(params.cols - col, 8u);
  for (var i = 0u; i < min(max(params.rows, row) - row, 8u); i++) {
    let to = out_at(row + i) + group * params.y_group + col * params.y_out;
    for (var j = 0u; j < channels; j++) {
      let v = sums[(i >> 2u) * 2u + (j >> 2u)][j & 3u][i & 3u];
      y[to + j * params.y_out] = T(v + bias_at(group, col + j));
    }
  }
}
