// o[i] = sum_j p[i, j] z[i, j] v[j],  p[i, j] = exp(score[i, j] - L[i]),  L[i] = log sum_j exp(score[i, j]),
// score[i, j] = s q[i] . k[j] + mask[i, j]
//
// for each batch and head; CAUSAL 1 lets query i see only the keys j <= i, MASK 1 those of a bool mask, MASK 2
// adds one of floats; DROP 1 drops elements of p, z is 0 or 1 / (1 - p). The matrix p is never stored:
// going through the keys, a row keeps the maximum m of its scores, the sum of exp(score - m) and the sum
// of exp(score - m) v, and rescales both sums when m grows.
//
// shapes: q [batch, heads, queries, D], k and v [batch, heads / group, keys, D], o like q, each with its own
//         layout; mask [batch, heads, queries, keys] with any strides; drop_key [draws, 2]; lse [batch, heads,
//         queries] dense, L in units of log 2
// access: one invocation per query row, 64 rows of one head to a workgroup, so that all of them read the
//         same key at the same time; four keys per step. No workgroup memory, no barriers. ROLLED 1 keeps the
//         loops over D: CPU drivers otherwise spend minutes to unroll and schedule them.
// source: Milakov, Gimelshein 2018 (arXiv:1805.02867); Dao et al. 2022 (arXiv:2205.14135)
#include "grid"
#include "attention_forward"
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
  let k_at = key_head_start(params.k_layout, pair);
  let v_at = key_head_start(params.v_layout, pair);
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
  let mask_at = mask_start(pair, row);
  let draw = draw_of(pair, params.pairs);
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
    if (MASK != 0u) { score = masked_four(score, mask_at + js * params.mask_step); }
    score = select(vec4f(LOWEST), score, inside);
    let higher = max(max(high, max(score.x, score.y)), max(score.z, score.w));
    let keep = exp2(high - higher);
    var p = weights(score, vec4f(higher));
    high = higher;
    total = total * keep + ((p.x + p.y) + (p.z + p.w));
    if (DROP == 1u) { p *= kept_columns(draw, row, j); }
    let vs = vec4<u32>(v_at) + js * v_row;
    for (var d = 0u; d < width; d++) {
      let near = p.x * v[vs.x + d] + p.y * v[vs.y + d];
      let far = p.z * v[vs.z + d] + p.w * v[vs.w + d];
      sum[d] = sum[d] * keep + (near + far);
    }
  }
  let o_at = head_start(params.o_layout, pair, params.heads) + row * params.o_layout.w;
  for (var d = 0u; d < width; d++) { o[o_at + d] = sum[d] / divisor(total); }
  lse[pair * params.queries + row] = high + log2(divisor(total));
}
