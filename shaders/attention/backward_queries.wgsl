// dq[i] = s sum_j ds[i, j] k[j],  ds[i, j] = p[i, j] (do[i] . v[j] - delta[i]),  delta[i] = do[i] . o[i]
//
// with p[i, j] = exp(s q[i] . k[j] - L[i]) worked out again from the saved L. delta, which equals
// sum_j p[i, j] (do[i] . v[j]), is stored for the kernel that goes down the columns.
//
// shapes: q, o, g (the cotangent of o), dq [batch, heads, queries, D], k and v [batch, heads, keys, D], each
//         with its own layout; lse and delta [batch, heads, queries] dense, L in units of log 2
// access: one invocation per query row, 64 rows of one head to a workgroup, all reading the same key at
//         the same time. No workgroup memory, no barriers. ROLLED as in attention/forward.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
#include "grid"
#include "attention"
const D = 32u; // 4 | 8 | 16 | 32 | 64 | 128
override CAUSAL: u32 = 1; // 0 | 1
override ROLLED: u32 = 0; // 0 | 1

struct Params {
  q_layout: vec4<u32>,
  k_layout: vec4<u32>,
  v_layout: vec4<u32>,
  o_layout: vec4<u32>,
  g_layout: vec4<u32>,
  dq_layout: vec4<u32>,
  queries: u32,
  keys: u32,
  heads: u32,
  pairs: u32,
  // D / 4.
  width: u32,
  // s / log 2, and s.
  scale: f32,
  slope: f32,
}

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> o: array<vec4f>;
@group(0) @binding(4) var<storage, read> g: array<vec4f>;
@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dq: array<vec4f>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let tiles = (params.queries + 63u) / 64u;
  let tile = linear_group(group, groups);
  let pair = tile / tiles;
  let row = (tile % tiles) * 64u + local;
  let width = select(D4, params.width, ROLLED == 1u);
  if (pair >= params.pairs || row >= params.queries) { return; }
  let q_at = head_start(params.q_layout, pair, params.heads) + row * params.q_layout.w;
  let o_at = head_start(params.o_layout, pair, params.heads) + row * params.o_layout.w;
  let g_at = head_start(params.g_layout, pair, params.heads) + row * params.g_layout.w;
  let k_at = head_start(params.k_layout, pair, params.heads);
  let v_at = head_start(params.v_layout, pair, params.heads);
  let at = pair * params.queries + row;

  var query: array<vec4f, D4>;
  var cotangent: array<vec4f, D4>;
  var sum: array<vec4f, D4>;
  var along = 0.0;
  for (var d = 0u; d < width; d++) {
    query[d] = q[q_at + d] * params.scale;
    cotangent[d] = g[g_at + d];
    sum[d] = vec4f(0.0);
    along += dot(cotangent[d], o[o_at + d]);
  }
  delta[at] = along;
  let log_total = lse[at];
  let seen = visible_keys(row, params.keys);
  for (var j = 0u; j < seen; j++) {
    let k_j = k_at + j * params.k_layout.w;
    let v_j = v_at + j * params.v_layout.w;
    var score = 0.0;
    var dp = 0.0;
    for (var d = 0u; d < width; d++) {
      score += dot(query[d], k[k_j + d]);
      dp += dot(cotangent[d], v[v_j + d]);
    }
    let ds = exp2(score - log_total) * (dp - along);
    for (var d = 0u; d < width; d++) { sum[d] += ds * k[k_j + d]; }
  }
  let dq_at = head_start(params.dq_layout, pair, params.heads) + row * params.dq_layout.w;
  for (var d = 0u; d < width; d++) { dq[dq_at + d] = sum[d] * params.slope; }
}
