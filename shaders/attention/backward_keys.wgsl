// dv[j] = sum_i p[i, j] do[i],  dk[j] = s sum_i ds[i, j] q[i],  ds[i, j] = p[i, j] (do[i] . v[j] - delta[i])
//
// with p[i, j] = exp(s q[i] . k[j] - L[i]) worked out again; L from the forward kernel and delta from
// backward_queries.
//
// shapes: q, g (the cotangent of o) [batch, heads, queries, D], k and v [batch, heads, keys, D], each with
//         its own layout; lse, delta [batch, heads, queries] dense, L in units of log 2; dk and dv like k,
//         two layouts in one buffer, because a dispatch may not write one buffer through two bindings
// access: one invocation per key row, 64 rows of one head to a workgroup. Queries are walked from the last
//         to the first: all invocations read the same query at the same time, and with CAUSAL 1 each stops
//         at its own position. ROLLED as in attention/forward.
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
  g_layout: vec4<u32>,
  dk_layout: vec4<u32>,
  dv_layout: vec4<u32>,
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
@group(0) @binding(3) var<storage, read> g: array<vec4f>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dkv: array<vec4f>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let tiles = (params.keys + 63u) / 64u;
  let tile = linear_group(group, groups);
  let pair = tile / tiles;
  let row = (tile % tiles) * 64u + local;
  let width = select(D4, params.width, ROLLED == 1u);
  if (pair >= params.pairs || row >= params.keys) { return; }
  let k_at = head_start(params.k_layout, pair, params.heads) + row * params.k_layout.w;
  let v_at = head_start(params.v_layout, pair, params.heads) + row * params.v_layout.w;
  let q_at = head_start(params.q_layout, pair, params.heads);
  let g_at = head_start(params.g_layout, pair, params.heads);
  let at = pair * params.queries;

  var key: array<vec4f, D4>;
  var value: array<vec4f, D4>;
  var dk: array<vec4f, D4>;
  var dv: array<vec4f, D4>;
  for (var d = 0u; d < width; d++) {
    key[d] = k[k_at + d] * params.scale;
    value[d] = v[v_at + d];
    dk[d] = vec4f(0.0);
    dv[d] = vec4f(0.0);
  }
  let first = select(0u, row, CAUSAL == 1u);
  for (var i = params.queries; i > first; i--) {
    let q_i = q_at + (i - 1u) * params.q_layout.w;
    let g_i = g_at + (i - 1u) * params.g_layout.w;
    var score = 0.0;
    var dp = 0.0;
    for (var d = 0u; d < width; d++) {
      score += dot(key[d], q[q_i + d]);
      dp += dot(value[d], g[g_i + d]);
    }
    let p = exp2(score - lse[at + i - 1u]);
    let ds = p * (dp - delta[at + i - 1u]);
    for (var d = 0u; d < width; d++) {
      dv[d] += p * g[g_i + d];
      dk[d] += ds * q[q_i + d];
    }
  }
  let dk_at = head_start(params.dk_layout, pair, params.heads) + row * params.dk_layout.w;
  let dv_at = head_start(params.dv_layout, pair, params.heads) + row * params.dv_layout.w;
  for (var d = 0u; d < width; d++) {
    dkv[dk_at + d] = dk[d] * params.slope;
    dkv[dv_at + d] = dv[d];
  }
}
