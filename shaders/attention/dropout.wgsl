// z[b, h, i, j] = 0 or 1 / (1 - p), what the other kernels multiply the probabilities with under DROP 1
//
// for the plain composition, which stores the probabilities anyway.
//
// shapes: drop_key [draws, 2]; z [batch, heads, queries, keys] dense
// access: four neighbouring keys of a query per invocation
#include "grid"
#include "attention_dropout"
const DROP = 1u;

struct Params {
  queries: u32,
  keys: u32,
  pairs: u32,
  key_offset: u32,
  // As in the other kernels.
  draws: u32,
  drawn: u32,
  stream: u32,
  keep_bound: u32,
  keep_scale: f32,
}

@group(0) @binding(0) var<storage, read> drop_key: array<u32>;
@group(0) @binding(1) var<storage, read_write> z: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let blocks = (params.keys + 3u) / 4u;
  let row = item / blocks;
  if (row >= params.pairs * params.queries) { return; }
  let column = item % blocks * 4u;
  let draw = draw_of(row / params.queries, params.pairs);
  let kept = kept_columns(draw, row % params.queries, column);
  let few = min(params.keys - column, 4u);
  for (var c = 0u; c < few; c++) { z[row * params.keys + column + c] = kept[c]; }
}
