// o[i] = sum_j p[i, j] v[j],  p[i, j] = exp(s q[i] . k[j] - L[i]),  L[i] = log sum_j exp(s q[i] . k[j])
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
  queries: u32,
  keys: u32,
  heads: u32,
  pairs: u32,
  // D / 4.
  width: u32,
  // s / log 2: powers of 2 cost less than those of e.
  scale: f32,
}

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

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
  let k_at = head_start(params.k_layout, pair, params.heads);
  let v_at = head_start(params.v_layout, pair, params.heads);

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
    s0 = select(vec4f(LOWEST), s0, vec4<u32>(j) + quad < vec4<u32>(seen));
    let second = vec4<u32>(j + 4u) + quad < vec4<u32>(select(0u, seen, STEP == 8u));
    s1 = select(vec4f(LOWEST), s1, second);
    let m = max(s0, s1);
    let higher = max(max(high, max(m.x, m.y)), max(m.z, m.w));
    let keep = exp2(high - higher);
    let p0 = exp2(s0 - higher);
    let p1 = exp2(s1 - higher);
    let p = p0 + p1;
    high = higher;
    total = total * keep + ((p.x + p.y) + (p.z + p.w));
    for (var d = 0u; d < params.width; d++) {
      let y = v[own_v + d];
      var more = blend(p0, y, 0u);
      if (STEP == 8u) { more += blend(p1, y, 4u); }
      sum[d] = sum[d] * keep + more;
    }
  }
  if (first_row + lane >= params.queries) { return; }
  let o_at = head_start(params.o_layout, pair, params.heads) + row * params.o_layout.w;
  for (var d = 0u; d < params.width; d++) { o[o_at + d] = sum[d] / total; }
  lse[pair * params.queries + row] = high + log2(total);
}
