// o[i] = sum_j p[i, j] v[j],  p[i, j] = exp(s q[i] . k[j] - L[i]),  L[i] = log sum_j exp(s q[i] . k[j])
//
// for each batch and head; CAUSAL 1 lets query i see only the keys j <= i. The matrix p is never stored:
// going through the keys, a row keeps the maximum m of its scores, the sum of exp(score - m) and the sum
// of exp(score - m) v, and rescales both sums when m grows.
//
// shapes: q [batch, heads, queries, D], k and v [batch, heads, keys, D], o like q, each with its own
//         layout; lse [batch, heads, queries] dense, L in units of log 2
// access: one invocation per query row, 64 rows of one head to a workgroup, so that all of them read the
//         same key at the same time; four keys per step. No workgroup memory, no barriers. ROLLED 1 keeps the
//         loops over D: CPU drivers otherwise spend minutes to unroll and schedule them.
// source: Milakov, Gimelshein 2018 (arXiv:1805.02867); Dao et al. 2022 (arXiv:2205.14135)
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
  let k_at = head_start(params.k_layout, pair, params.heads);
  let v_at = head_start(params.v_layout, pair, params.heads);
  let k_row = params.k_layout.w;
  let v_row = params.v_layout.w;

  var query: array<vec4f, D4>;
  var sum: array<vec4f, D4>;
  for (var d = 0u; d < width; d++) {
    query[d] = q[q_at + d] * params.scale;
    sum[d] = vec4f(0.0);
  }
  var high = LOWEST;
  var total = 0.0;
  let seen = visible_keys(row, params.keys);
  for (var j = 0u; j < seen; j += 4u) {
    // Beyond the last key the last one is read again and given no weight.
    let js = min(vec4<u32>(j) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.keys - 1u));
    let ks = vec4<u32>(k_at) + js * k_row;
    var score = vec4f(0.0);
    for (var d = 0u; d < width; d++) {
      score.x += dot(query[d], k[ks.x + d]);
      score.y += dot(query[d], k[ks.y + d]);
      score.z += dot(query[d], k[ks.z + d]);
      score.w += dot(query[d], k[ks.w + d]);
    }
    let inside = vec4<u32>(j) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(seen);
    score = select(vec4f(LOWEST), score, inside);
    let higher = max(max(high, max(score.x, score.y)), max(score.z, score.w));
    let keep = exp2(high - higher);
    let p = exp2(score - higher);
    high = higher;
    total = total * keep + ((p.x + p.y) + (p.z + p.w));
    let vs = vec4<u32>(v_at) + js * v_row;
    for (var d = 0u; d < width; d++) {
      let near = p.x * v[vs.x + d] + p.y * v[vs.y + d];
      let far = p.z * v[vs.z + d] + p.w * v[vs.w + d];
      sum[d] = sum[d] * keep + (near + far);
    }
  }
  let o_at = head_start(params.o_layout, pair, params.heads) + row * params.o_layout.w;
  for (var d = 0u; d < width; d++) { o[o_at + d] = sum[d] / total; }
  lse[pair * params.queries + row] = high + log2(total);
}
