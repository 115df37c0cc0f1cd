// The way back through one step of a gated recurrent unit
//
// With m = dh (1 - z) (1 - n^2):
//   d(gi) = (m gh_n r (1 - r), dh (h - n) z (1 - z), m), d(gh) the same but m r at the end, d(h) = dh z
//
// The gates are computed again from gi and gh rather than kept.
//
// shapes: gi, gh, dgi and dgh [rows, 3 width], h, dh and dh_before [rows, width]
// access: one element of the state per invocation
#include "grid"
#include "squash"

struct Params {
  count: u32,
  width: u32,
  gi_offset: u32,
  gh_offset: u32,
  h_offset: u32,
  dh_offset: u32,
}

@group(0) @binding(0) var<storage, read> gi: array<f32>;
@group(0) @binding(1) var<storage, read> gh: array<f32>;
@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read> dh: array<f32>;
@group(0) @binding(4) var<storage, read_write> dgi: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgh: array<f32>;
@group(0) @binding(6) var<storage, read_write> dh_before: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let w = params.width;
  let at = item / w * 3u * w + item % w;
  let a = params.gi_offset + at;
  let b = params.gh_offset + at;
  let r = op_sigmoid(gi[a] + gh[b]);
  let z = op_sigmoid(gi[a + w] + gh[b + w]);
  let inner = gh[b + 2u * w];
  let n = op_tanh(gi[a + 2u * w] + r * inner);
  let out = dh[params.dh_offset + item];
  let m = out * (1.0 - z) * (1.0 - n * n);
  let reset = m * inner * r * (1.0 - r);
  let update = out * (h[params.h_offset + item] - n) * z * (1.0 - z);
  dgi[at] = reset;
  dgi[at + w] = update;
  dgi[at + 2u * w] = m;
  dgh[at] = reset;
  dgh[at + w] = update;
  dgh[at + 2u * w] = m * r;
  dh_before[item] = out * z;
}
