// y[e] = (word e of the draw >> 1) < bound ? x[e] scale : 0
//
// bound = round((1 - p) 2^31), scale = 1 / (1 - p): the expectation of y is x. The mask is drawn again
// from the key in the backward pass, which is the same kernel on the cotangent: nothing is stored.
//
// shapes: x and y dense, of one shape; key two words
// access: one Philox block and four neighbouring elements per invocation
// source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, JMLR 15 (2014)
#include "grid"
#include "philox"
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  stream: u32,
  key_offset: u32,
  bound: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> key: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<T>>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let k = vec2<u32>(key[params.key_offset], key[params.key_offset + 1u]);
  let words = philox(k, vec4<u32>(item, 0u, DRAW, params.stream));
  let draws = words >> vec4<u32>(1u);
  let kept = draws < vec4<u32>(params.bound);
  y[item] = vec4<T>(select(vec4<f32>(0.0), vec4<f32>(x[item]) * params.scale, kept));
}
