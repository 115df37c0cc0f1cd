// One step of a gated recurrent unit, from its gates before their functions
//
// r = sigmoid(gi_r + gh_r), z = sigmoid(gi_z + gh_z), n = tanh(gi_n + r gh_n);  h' = (1 - z) n + z h
//
// Source: Cho et al. 2014, with the reset gate after the product, as in cuDNN; gates in PyTorch's order r, z, n.
//
// shapes: gi and gh [rows, 3 width], h and h_next [rows, width]
// access: one element of the state per invocation
#include "grid"
#include "squash"

struct Params {
  count: u32,
  width: u32,
  gi_offset: u32,
  gh_offset: u32,
  h_offset: u32,
}

@group(0) @binding(0) var<storage, read> gi: array<f32>;
@group(0) @binding(1) var<storage, read> gh: array<f32>;
@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read_write> h_next: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

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
  let n = op_tanh(gi[a + 2u * w] + r * gh[b + 2u * w]);
  h_next[item] = n + z * (h[params.h_offset + item] - n);
}
