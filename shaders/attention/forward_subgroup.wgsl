// o[i] = sum_j p[i, j] z[i, j] v[j],  p[i, j] = exp(score[i, j] - L[i]),  L[i] = log sum_j exp(score[i, j]),
// score[i, j] = s q[i] . k[j] + mask[i, j]
//
// as attention/forward, for drivers that run a subgroup as one SIMD thread of a CPU, where a load inside a
// loop costs as much as twenty multiply-adds, also if all lanes load the same, and a shuffle as much as one.
//
// shapes: as attention/forward
// access: one invocation per query row; a workgroup is STEP rows of one head, and part of one subgroup. Of
//         STEP keys each invocation loads one, and the keys go round by shuffles. No workgroup memory, no
//         barriers. Loops over D stay loops: unrolled they compile ten times slower and run no faster.
// source: Milakov, Gimelshein 2018 (arXiv:1805.02867); Dao et al. 2022 (arXiv:2205.14135)
enable subgroups;
#include "grid"
#include "attention_forward"
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
  let k_at = key_head_start(params.k_layout, pair);
  let v_at = key_head_start(params.v_layout, pair);

  var query: array<vec4f, D4>;
  var sum: array<vec4f, D4>;
  for (var d = 0u; d < params.width; d++) {
    query[d] = q[q_at + d] * params.scale;
    sum[d] = vec4f(0.0);
  }
  var high = LOWEST;
  var total = 0.0;
  let seen = visible_keys(row, params.keys);
  let end = visible_keys(first_row + STEP - 1u, params.keys);
  let mask_at = mask_start(pair, row);
  let draw = draw_of(pair, params.pairs);
  let last = vec4<u32>(params.keys - 1u);
  let quad = vec4<u32>(0u, 1u, 2u, 3u);
  for (var j = 0u; j < end; j += STEP) {
    let own = min(j + lane, params.keys - 1u);
    let own_k = k_at + own * params.k_layout.w;
    let own_v = v_at + own * params.v_layout.w;
    var s0 = vec4f(0.0);
    var s1 = vec4f(0.0);
    for (var d = 0u; d < params.width; d++) {
      let y = k[own_k + d];
      s0 += dots(query[d], y, 0u);
      if (STEP == 8u) { s1 += dots(query[d], y, 4u); }
    }
    if (MASK != 0u) {
      s0 = masked_four(s0, mask_at + min(vec4<u32>(j) + quad, last) * params.mask_step);
      s1 = masked_four(s1, mask_at + min(vec4<u32>(j + 4u) + quad, last) * params.mask_step);
    }
    s0 = select(vec4f(LOWEST), s0, vec4<u32>(j) + quad < vec4<u32>(seen));
    let second = vec4<u32>(j + 4u) + quad < vec4<u32>(select(0u, seen, STEP == 8u));
    s1 = select(vec4f(LOWEST), s1, second);
    let m = max(s0, s1);
    let higher = max(max(high, max(m.x, m.y)), max(m.z, m.w));
    let keep = exp2(high - higher);
    var p0 = weights(s0, vec4f(higher));
    var p1 = weights(s1, vec4f(higher));
    let p = p0 + p1;
    high = higher;
    total = total * keep + ((p.x + p.y) + (p.z + p.w));
    if (DROP == 1u) {
      p0 *= kept_columns(draw, row, j);
      if (STEP == 8u) { p1 *= kept_columns(draw, row, j + 4u); }
    }
    for (var d = 0u; d < params.width; d++) {
      let y = v[own_v + d];
      var more = blend(p0, y, 0u);
      if (STEP == 8u) { more += blend(p1, y, 4u); }
      sum[d] = sum[d] * keep + more;
    }
  }
  if (first_row + lane >= params.queries) { return; }
  let o_at = head_start(params.o_layout, pair, params.heads) + row * params.o_layout.w;
  for (var d = 0u; d < params.width; d++) { o[o_at + d] = sum[d] / divisor(total); }
  lse[pair * params.queries + row] = high + log2(divisor(total));
}
