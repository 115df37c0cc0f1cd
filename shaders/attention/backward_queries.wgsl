// dq[i] = s sum_j ds[i, j] k[j],  ds[i, j] = p[i, j] (z[i, j] do[i] . v[j] - delta[i])
//
// with p[i, j] = exp(s q[i] . k[j] + mask[i, j] - L[i]) and z as in attention/forward, worked out again from L
// and delta of attention/backward_rows.
//
// shapes: q, g (the cotangent of o), dq [batch, heads, queries, D], k and v [batch, heads / group, keys, D],
//         each with its own layout; rows [2, batch, heads, queries] dense, L in units of log 2; mask and key
//         as in attention/forward
// access: one invocation per query row, 64 rows of one head to a workgroup, all reading the same key at
//         the same time. No workgroup memory, no barriers. ROLLED as in attention/forward.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
#include "grid"
#include "attention_backward_queries"
#include "attention"
const D = 32u; // 4 | 8 | 16 | 32 | 64 | 128
override CAUSAL: u32 = 1; // 0 | 1
override MASK: u32 = 0; // 0 | 1 | 2
override DROP: u32 = 0; // 0 | 1
override ROLLED: u32 = 0; // 0 | 1

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
  let g_at = head_start(params.g_layout, pair, params.heads) + row * params.g_layout.w;
  let k_at = key_head_start(params.k_layout, pair);
  let v_at = key_head_start(params.v_layout, pair);
  let at = pair * params.queries + row;

  var query: array<vec4f, D4>;
  var cotangent: array<vec4f, D4>;
  var sum: array<vec4f, D4>;
  for (var d = 0u; d < width; d++) {
    query[d] = q[q_at + d] * params.scale;
    cotangent[d] = g[g_at + d];
    sum[d] = vec4f(0.0);
  }
  let log_total = rows[at];
  let along = rows[params.pairs * params.queries + at];
  let mask_at = mask_start(pair, row);
  let draw = draw_of(pair, params.pairs);
  var kept = vec4f(1.0);
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
    if (MASK != 0u) { score = masked(score, mask_at + j * params.mask_step); }
    if (DROP == 1u) {
      if (j % 4u == 0u) { kept = kept_columns(draw, row, j); }
      dp *= kept[j % 4u];
    }
    let ds = weight(score, log_total) * (dp - along);
    for (var d = 0u; d < width; d++) { sum[d] += ds * k[k_j + d]; }
  }
  let dq_at = head_start(params.dq_layout, pair, params.heads) + row * params.dq_layout.w;
  for (var d = 0u; d < width; d++) { dq[dq_at + d] = sum[d] * params.slope; }
}
