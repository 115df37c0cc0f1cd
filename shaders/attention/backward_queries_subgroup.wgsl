// dq[i] = s sum_j ds[i, j] k[j],  ds[i, j] = p[i, j] (z[i, j] do[i] . v[j] - delta[i])
//
// As attention/backward_queries, for the drivers of attention/forward_subgroup.
//
// shapes: as attention/backward_queries
// access: one invocation per query row; a workgroup is STEP rows of one head, and part of one subgroup. Of
//         STEP keys each invocation loads one, and the keys go round by shuffles.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
enable subgroups;
#include "grid"
#include "attention_backward_queries"
#include "attention"
#include "attention_subgroup"
const D = 32u; // 4 | 8 | 16 | 32 | 64 | 128
override CAUSAL: u32 = 1; // 0 | 1
override MASK: u32 = 0; // 0 | 1 | 2
override DROP: u32 = 0; // 0 | 1
override STEP: u32 = 4; // 4 | 8

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
  let g_at = head_start(params.g_layout, pair, params.heads) + row * params.g_layout.w;
  let k_at = key_head_start(params.k_layout, pair);
  let v_at = key_head_start(params.v_layout, pair);
  let at = pair * params.queries + row;

  var query: array<vec4f, D4>;
  var cotangent: array<vec4f, D4>;
  var sum: array<vec4f, D4>;
  for (var d = 0u; d < params.width; d++) {
    query[d] = q[q_at + d] * params.scale;
    cotangent[d] = g[g_at + d];
    sum[d] = vec4f(0.0);
  }
  let log_total = rows[at];
  let along = rows[params.pairs * params.queries + at];
  let mask_at = mask_start(pair, row);
  let draw = draw_of(pair, params.pairs);
  let last = vec4<u32>(params.keys - 1u);
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
    if (MASK != 0u) {
      s0 = masked_four(s0, mask_at + min(vec4<u32>(j) + quad, last) * params.mask_step);
      s1 = masked_four(s1, mask_at + min(vec4<u32>(j + 4u) + quad, last) * params.mask_step);
    }
    if (DROP == 1u) {
      dp0 *= kept_columns(draw, row, j);
      if (STEP == 8u) { dp1 *= kept_columns(draw, row, j + 4u); }
    }
    let ds0 = select(vec4f(0.0), weights(s0, vec4f(log_total)) * (dp0 - along), first);
    let ds1 = select(vec4f(0.0), weights(s1, vec4f(log_total)) * (dp1 - along), second);
    for (var d = 0u; d < params.width; d++) {
      let y = k[own_k + d];
      var more = blend(ds0, y, 0u);
      if (STEP == 8u) { more += blend(ds1, y, 4u); }
      sum[d] += more;
    }
  }
  if (first_row + lane >= params.queries) { return; }
  let dq_at = head_start(params.dq_layout, pair, params.heads) + row * params.dq_layout.w;
  for (var d = 0u; d < params.width; d++) { dq[dq_at + d] = sum[d] * params.slope; }
}
