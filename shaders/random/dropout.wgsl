// y[row, e] = (word e of the draw of keys[row] >> 1) < bound ? x[row, e] scale : 0
//
// bound = round((1 - p) 2^31), scale = 1 / (1 - p): the expectation of y is x. The mask is drawn again
// from the key in the backward pass, which is the same kernel on the cotangent: nothing is stored.
//
// shapes: keys [rows, 2], x and y [rows, per_key], all dense
// access: four neighbouring elements per invocation: one Philox block where rows are whole blocks
// source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, JMLR 15 (2014)
#include "grid"
#include "key_rows"
override RAGGED: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  rows: u32,
  per_key: u32,
  stream: u32,
  key_offset: u32,
  bound: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<T>>;
@group(0) @binding(3) var<uniform> params: Params;

fn of_block(words: vec4<u32>) -> vec4<u32> { return words; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let kept = (drawn(item) >> vec4<u32>(1u)) < vec4<u32>(params.bound);
  y[item] = vec4<T>(select(vec4<f32>(0.0), vec4<f32>(x[item]) * params.scale, kept));
}
