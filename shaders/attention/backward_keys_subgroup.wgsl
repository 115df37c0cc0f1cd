// dv[j] = sum_i p[i, j] z[i, j] do[i],  dk[j] = s sum_i ds[i, j] q[i],
// ds[i, j] = p[i, j] (z[i, j] do[i] . v[j] - delta[i])
//
// As attention/backward_keys, for the drivers of attention/forward_subgroup.
//
// shapes: as attention/backward_keys
// access: one invocation per key row; a workgroup is STEP rows of one head, and part of one subgroup. Of
//         STEP queries each invocation loads one, and the queries go round by shuffles.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
enable subgroups;
#include "grid"
#include "attention_backward_keys"
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
  let tiles = (params.keys + STEP - 1u) / STEP;
  let tile = linear_group(group, groups);
  let pair = tile / tiles;
  if (pair >= params.pairs) { return; }
  // Invocations beyond the last row repeat it and store nothing: all take part in the shuffles.
  let first_row = (tile % tiles) * STEP;
  let row = min(first_row + lane, params.keys - 1u);
  let key_heads = params.heads / params.group;
  let k_at = head_start(params.k_layout, pair, key_heads) + row * params.k_layout.w;
  let v_at = head_start(params.v_layout, pair, key_heads) + row * params.v_layout.w;

  var key: array<vec4f, D4>;
  var value: array<vec4f, D4>;
  var dk: array<vec4f, D4>;
  var dv: array<vec4f, D4>;
  for (var d = 0u; d < params.width; d++) {
    key[d] = k[k_at + d] * params.scale;
    value[d] = v[v_at + d];
    dk[d] = vec4f(0.0);
    dv[d] = vec4f(0.0);
  }
  let first = select(0u, row, CAUSAL == 1u);
  let begin = select(0u, first_row, CAUSAL == 1u);
  let quad = vec4<u32>(0u, 1u, 2u, 3u);
  let deltas = params.pairs * params.group * params.queries;
  let last = vec4<u32>(params.queries - 1u);
  for (var member = 0u; member < params.group; member++) {
    let query_pair = pair * params.group + member;
    let q_at = head_start(params.q_layout, query_pair, params.heads);
    let g_at = head_start(params.g_layout, query_pair, params.heads);
    let at = query_pair * params.queries;
    let mask_at = mask_start(query_pair, 0u) + row * params.mask_step;
    let draw = draw_of(query_pair, params.pairs * params.group);
    var kept = vec4f(1.0);
    for (var i = begin; i < params.queries; i += STEP) {
      let own = min(i + lane, params.queries - 1u);
      let own_q = q_at + own * params.q_layout.w;
      let own_g = g_at + own * params.g_layout.w;
      let own_lse = rows[at + own];
      let own_delta = rows[deltas + at + own];
      var s0 = vec4f(0.0);
      var s1 = vec4f(0.0);
      var dp0 = vec4f(0.0);
      var dp1 = vec4f(0.0);
      for (var d = 0u; d < params.width; d++) {
        let y = q[own_q + d];
        let z = g[own_g + d];
        s0 += dots(key[d], y, 0u);
        dp0 += dots(value[d], z, 0u);
        if (STEP == 8u) {
          s1 += dots(key[d], y, 4u);
          dp1 += dots(value[d], z, 4u);
        }
      }
      let i0 = vec4<u32>(i) + quad;
      let sees0 = (i0 >= vec4<u32>(first)) & (i0 < vec4<u32>(params.queries));
      if (MASK != 0u) { s0 = masked_four(s0, mask_at + min(i0, last) * params.mask_layout.w); }
      var p0 = select(vec4f(0.0), weights(s0, gathered(own_lse, 0u)), sees0);
      if (DROP == 1u) {
        var factors = kept_block(draw, i, row);
        kept = factors[row % 4u];
        dp0 *= kept;
      }
      let ds0 = p0 * (dp0 - gathered(own_delta, 0u));
      if (DROP == 1u) { p0 *= kept; }
      var p1 = vec4f(0.0);
      var ds1 = vec4f(0.0);
      if (STEP == 8u) {
        let i1 = i0 + vec4<u32>(4u);
        let sees1 = (i1 >= vec4<u32>(first)) & (i1 < vec4<u32>(params.queries));
        if (MASK != 0u) { s1 = masked_four(s1, mask_at + min(i1, last) * params.mask_layout.w); }
        p1 = select(vec4f(0.0), weights(s1, gathered(own_lse, 4u)), sees1);
        if (DROP == 1u) {
          var factors = kept_block(draw, i + 4u, row);
          kept = factors[row % 4u];
          dp1 *= kept;
        }
        ds1 = p1 * (dp1 - gathered(own_delta, 4u));
        if (DROP == 1u) { p1 *= kept; }
      }
      for (var d = 0u; d < params.width; d++) {
        let y = q[own_q + d];
        let z = g[own_g + d];
        var more_k = blend(ds0, y, 0u);
        var more_v = blend(p0, z, 0u);
        if (STEP == 8u) {
          more_k += blend(ds1, y, 4u);
          more_v += blend(p1, z, 4u);
        }
        dk[d] += more_k;
        dv[d] += more_v;
      }
    }
  }
  if (first_row + lane >= params.keys) { return; }
  let dk_at = head_start(params.dk_layout, pair, key_heads) + row * params.dk_layout.w;
  let dv_at = head_start(params.dv_layout, pair, key_heads) + row * params.dv_layout.w;
  for (var d = 0u; d < params.width; d++) {
    dkv[dk_at + d] = dk[d] * params.slope;
    dkv[dv_at + d] = dv[d];
  }
}
