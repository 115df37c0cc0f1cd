// One step of a long short-term memory, from its gates before their functions
//
// i, f, o = sigmoid(gi + gh), g = tanh(gi + gh);  c' = f c + i g,  h' = o tanh(c')
//
// Source: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; gates in PyTorch's order
// i, f, g, o.
//
// shapes: gi and gh [rows, 4 width], c, h_next and c_next [rows, width]
// access: one element of the state per invocation
#include "grid"
#include "squash"

struct Params {
  count: u32,
  width: u32,
  gi_offset: u32,
  gh_offset: u32,
  c_offset: u32,
}

@group(0) @binding(0) var<storage, read> gi: array<f32>;
@group(0) @binding(1) var<storage, read> gh: array<f32>;
@group(0) @binding(2) var<storage, read> c: array<f32>;
@group(0) @binding(3) var<storage, read_write> h_next: array<f32>;
@group(0) @binding(4) var<storage, read_write> c_next: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

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
  let cell = f * c[params.c_offset + item] + i * g;
  c_next[item] = cell;
  h_next[item] = o * op_tanh(cell);
}
