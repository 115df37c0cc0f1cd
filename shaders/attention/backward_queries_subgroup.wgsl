// dq[i] = s sum_j ds[i, j] k[j],  ds[i, j] = p[i, j] (do[i] . v[j] - delta[i]),  delta[i] = do[i] . o[i]
//
// with p[i, j] = exp(s q[i] . k[j] - L[i]) worked out again from the saved L. delta, which equals
// sum_j p[i, j] (do[i] . v[j]), is stored for the kernel that goes down the columns.
//
// As attention/backward_queries, for the drivers of attention/forward_subgroup.
//
// shapes: as attention/backward_queries
// access: one invocation per query row; a workgroup is STEP rows of one head, and part of one subgroup. Of
//         STEP keys each invocation loads one, and the keys go round by shuffles.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
enable subgroups;
#include "grid"
#include "attention"
#include "attention_subgroup"
const D = 32u; // 4 | 8 | 16 | 32 | 64 | 128
override CAUSAL: u32 = 1; // 0 | 1
override STEP: u32 = 4; // 4 | 8

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

@compute @workgroup_size(STEP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tiles = (params.queries + STEP - 1u) / STEP;
  let tile = linear_group(group, groups);
  let pair = tile / tiles;
  if (pair >= params.pairs) { return; }
  // Invocations beyond the last row repeat it and store nothing: all take part in the shuffles.
  let first_row = (tile % tiles) * STEP;
  let row = min(first_row + lane, params.queries - 1u);
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
  for (var d = 0u; d < params.width; d++) {
    query[d] = q[q_at + d] * params.scale;
    cotangent[d] = g[g_at + d];
    sum[d] = vec4f(0.0);
    along += dot(cotangent[d], o[o_at + d]);
  }
  let log_total = lse[at];
  let seen = visible_keys(row, params.keys);
  let end = visible_keys(first_row + STEP - 1u, params.keys);
  let quad = vec4<u32>(0u, 1u, 2u, 3u);
  for (var j = 0u; j < end; j += STEP) {
    let own = min(j + lane, params.keys - 1u);
    let own_k = k_at + own * params.k_layout.w;
    let own_v = v_at + own * params.v_layout.w;
    var s0 = vec4f(0.0);
    var s1 = vec4f(0.0);
    var dp0 = vec4f(0.0);
    var dp1 = vec4f(0.0);
    for (var d = 0u; d < params.width; d++) {
      let y = k[own_k + d];
      let z = v[own_v + d];
      s0 += dots(query[d], y, 0u);
      dp0 += dots(cotangent[d], z, 0u);
      if (STEP == 8u) {
        s1 += dots(query[d], y, 4u);
        dp1 += dots(cotangent[d], z, 4u);
      }
    }
    let first = vec4<u32>(j) + quad < vec4<u32>(seen);
    let second = vec4<u32>(j + 4u) + quad < vec4<u32>(seen);
    let ds0 = select(vec4f(0.0), exp2(s0 - log_total) * (dp0 - along), first);
    let ds1 = select(vec4f(0.0), exp2(s1 - log_total) * (dp1 - along), second);
    for (var d = 0u; d < params.width; d++) {
      let y = k[own_k + d];
      var more = blend(ds0, y, 0u);
      if (STEP == 8u) { more += blend(ds1, y, 4u); }
      sum[d] += more;
    }
  }
  if (first_row + lane >= params.queries) { return; }
  delta[at] = along;
  let dq_at = head_start(params.dq_layout, pair, params.heads) + row * params.dq_layout.w;
  for (var d = 0u; d < params.width; d++) { dq[dq_at + d] = sum[d] * params.slope; }
}
