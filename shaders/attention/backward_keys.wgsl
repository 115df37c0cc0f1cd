// dv[j] = sum_i p[i, j] z[i, j] do[i],  dk[j] = s sum_i ds[i, j] q[i],
// ds[i, j] = p[i, j] (z[i, j] do[i] . v[j] - delta[i])
//
// with p[i, j] = exp(s q[i] . k[j] + mask[i, j] - L[i]) and z as in attention/forward, worked out again from L
// and delta of attention/backward_rows; the sums run over the queries of all heads that share the key head.
//
// shapes: as in attention/backward_queries; dk and dv like k, two layouts in one buffer, because a dispatch
//         may not write one buffer through two bindings
// access: one invocation per key row, 64 rows of one head to a workgroup. Queries are walked from the last
//         to the first: all invocations read the same query at the same time, and with CAUSAL 1 each stops
//         at its own position. ROLLED as in attention/forward.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
#include "grid"
#include "attention_backward_keys"
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
  let tiles = (params.keys + 63u) / 64u;
  let tile = linear_group(group, groups);
  let pair = tile / tiles;
  let row = (tile % tiles) * 64u + local;
  let width = select(D4, params.width, ROLLED == 1u);
  if (pair >= params.pairs || row >= params.keys) { return; }
  let key_heads = params.heads / params.group;
  let k_at = head_start(params.k_layout, pair, key_heads) + row * params.k_layout.w;
  let v_at = head_start(params.v_layout, pair, key_heads) + row * params.v_layout.w;

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
  let deltas = params.pairs * params.group * params.queries;
  for (var member = 0u; member < params.group; member++) {
    let query_pair = pair * params.group + member;
    let q_at = head_start(params.q_layout, query_pair, params.heads);
    let g_at = head_start(params.g_layout, query_pair, params.heads);
    let at = query_pair * params.queries;
    let mask_at = mask_start(query_pair, 0u) + row * params.mask_step;
    let draw = draw_of(query_pair, params.pairs * params.group);
    for (var next = params.queries; next > first; next--) {
      let i = next - 1u;
      let q_i = q_at + i * params.q_layout.w;
      let g_i = g_at + i * params.g_layout.w;
      var score = 0.0;
      var dp = 0.0;
      for (var d = 0u; d < width; d++) {
        score += dot(key[d], q[q_i + d]);
        dp += dot(value[d], g[g_i + d]);
      }
      if (MASK != 0u) { score = masked(score, mask_at + i * params.mask_layout.w); }
      var p = weight(score, rows[at + i]);
      var kept = 1.0;
      if (DROP == 1u) { kept = kept_columns(draw, i, row)[row % 4u]; }
      let ds = p * (dp * kept - rows[deltas + at + i]);
      p *= kept;
      for (var d = 0u; d < width; d++) {
        dv[d] += p * g[g_i + d];
        dk[d] += ds * q[q_i + d];
      }
    }
  }
  let dk_at = head_start(params.dk_layout, pair, key_heads) + row * params.dk_layout.w;
  let dv_at = head_start(params.dv_layout, pair, key_heads) + row * params.dv_layout.w;
  for (var d = 0u; d < width; d++) {
    dkv[dk_at + d] = dk[d] * params.slope;
    dkv[dv_at + d] = dv[d];
  }
}
