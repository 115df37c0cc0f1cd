// The way back through one step of a long short-term memory
//
// With t = tanh(c'), dc' = dc + dh o (1 - t^2):
//   d(gates) = (dc' g i (1 - i), dc' c f (1 - f), dc' i (1 - g^2), dh t o (1 - o)),  d(c) = dc' f
//
// The gates are computed again from gi + gh rather than kept.
//
// shapes: gi, gh and dgates [rows, 4 width], c, dh, dc and dc_before [rows, width]
// access: one element of the state per invocation
#include "grid"
#include "squash"

struct Params {
  count: u32,
  width: u32,
  gi_offset: u32,
  gh_offset: u32,
  c_offset: u32,
  dh_offset: u32,
  dc_offset: u32,
}

@group(0) @binding(0) var<storage, read> gi: array<f32>;
@group(0) @binding(1) var<storage, read> gh: array<f32>;
@group(0) @binding(2) var<storage, read> c: array<f32>;
@group(0) @binding(3) var<storage, read> dh: array<f32>;
@group(0) @binding(4) var<storage, read> dc: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(6) var<storage, read_write> dc_before: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let w = params.width;
  let at = item / w * 4u * w + item % w;
  let a = params.gi_offset + at;
  let b = params.gh_offset + at;
  let i = op_sigmoid(gi[a] + gh[b]);
  let f = op_sigmoid(gi[a + w] + gh[b + w]);
  let g = op_tanh(gi[a + 2u * w] + gh[b + 2u * w]);
  let o = op_sigmoid(gi[a + 3u * w] + gh[b + 3u * w]);
  let before = c[params.c_offset + item];
  let t = op_tanh(f * before + i * g);
  let out = dh[params.dh_offset + item];
  let cell = dc[params.dc_offset + item] + out * o * (1.0 - t * t);
  dgates[at] = cell * g * i * (1.0 - i);
  dgates[at + w] = cell * before * f * (1.0 - f);
  dgates[at + 2u * w] = cell * i * (1.0 - g * g);
  dgates[at + 3u * w] = out * t * o * (1.0 - o);
  dc_before[item] = cell * f;
}
