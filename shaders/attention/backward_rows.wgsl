// rows[0, i] = L[i],  rows[1, i] = delta[i] = do[i] . o[i]
//
// What the backward kernels need of each query row: delta equals sum_j p[i, j] z[i, j] (do[i] . v[j]).
//
// shapes: o, g (the cotangent of o) [batch, heads, queries, D], each with its own layout; lse [batch, heads,
//         queries] and rows [2, batch, heads, queries] dense
// access: one invocation per query row
// source: Dao 2023 (arXiv:2307.08691), algorithm 2
#include "grid"

struct Params {
  o_layout: vec4<u32>,
  g_layout: vec4<u32>,
  queries: u32,
  heads: u32,
  // Query rows of all heads of all batches.
  count: u32,
  // D / 4.
  width: u32,
}

@group(0) @binding(0) var<storage, read> o: array<vec4f>;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> rows: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

fn row_start(lies: vec4<u32>, pair: u32, row: u32) -> u32 {
  return lies.x + (pair / params.heads) * lies.y + (pair % params.heads) * lies.z + row * lies.w;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = linear_index(id, groups, 64u);
  if (at >= params.count) { return; }
  let pair = at / params.queries;
  let row = at % params.queries;
  let o_at = row_start(params.o_layout, pair, row);
  let g_at = row_start(params.g_layout, pair, row);
  var along = 0.0;
  for (var d = 0u; d < params.width; d++) {
    let product = o[o_at + d] * g[g_at + d];
    along += (product.x + product.y) + (product.z + product.w);
  }
  rows[at] = lse[at];
  rows[params.count + at] = along;
}
