// dv[j] = sum_i p[i, j] z[i, j] do[i],  dk[j] = s sum_i ds[i, j] q[i],
// ds[i, j] = p[i, j] (z[i, j] do[i] . v[j] - delta[i])
//
// shapes: as in attention/backward_keys
// access: as in attention/forward_packed, the other way round: ROWS keys, STEP queries at a time, from the
// first to the last; four keys to a vec4, products in blocks of 4 queries x 8 keys. Without dropout the
// products with v begin at -delta.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
#include "grid"
#include "attention_backward_keys"
#include "attention_packed"
override CAUSAL: u32 = 1; // 0 | 1
// As in attention/forward; not listed, because drivers that never run it so take minutes to compile it.
override MASK: u32 = 0;
override DROP: u32 = 0;
override ROWS: u32 = 8;
override STEP: u32 = 8;
// vec4s of workgroup memory.
override SIZE: u32 = 1024;

// One after the other: k, v, dk, dv turned; q, g turned; q, g plain; scores, STEP vec4s for four keys and STEP
// for the next four; the same for dp.
var<workgroup> tile: array<vec4f, SIZE>;

// The scores of four keys become p, and dp becomes ds, for the queries from `begin` to `end` of the tile.
// The tile begins at `query`. L is subtracted last, since sums that begin at a large -L lose bits.
fn slope(
  scores: u32,
  products: u32,
  begin: u32,
  end: u32,
  pair: u32,
  query: u32,
  key: u32,
  draw: Draw,
) {
  let keys = key + vec4<u32>(0u, 1u, 2u, 3u);
  let at = pair * params.queries + query;
  let deltas = params.pairs * params.group * params.queries + at;
  if (MASK != 0u) {
    let mask_at = mask_start(pair, query) + min(keys, vec4<u32>(params.keys - 1u)) * params.mask_step;
    for (var i = begin; i < end; i++) {
      tile[scores + i] = masked_four(tile[scores + i], mask_at + i * params.mask_layout.w);
    }
  }
  for (var i = begin; i < end; i++) {
    let seen = vec4<bool>(CAUSAL == 0u) | (keys <= vec4<u32>(query + i));
    let p = select(vec4f(0.0), weights(tile[scores + i], vec4f(rows[at + i])), seen);
    tile[scores + i] = p;
    if (DROP == 0u) { tile[products + i] *= p; }
  }
  if (DROP == 1u) {
    for (var i = begin; i < end; i += 4u) {
      var kept = transpose(kept_block(draw, query + i, key));
      for (var n = i; n < min(i + 4u, end); n++) {
        let z = kept[n - i];
        let p = tile[scores + n];
        tile[products + n] = p * (tile[products + n] * z - vec4f(rows[deltas + n]));
        tile[scores + n] = p * z;
      }
    }
  }
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let group = linear_group(id, groups);
  let parts = (params.keys + ROWS - 1u) / ROWS;
  let pair = group / parts;
  if (pair >= params.pairs) { return; }
  let first = group % parts * ROWS;
  let lines = min(params.keys - first, ROWS);
  let key_heads = params.heads / params.group;
  let width = params.width;
  let depth = 4u * width;
  let k_at = head_start(params.k_layout, pair, key_heads);
  let v_at = head_start(params.v_layout, pair, key_heads);
  let values = ROWS * width;
  let dk = values + ROWS * width;
  let dv = dk + ROWS * width;
  let queries = dv + ROWS * width;
  let cotangents = queries + STEP * width;
  let plain_queries = cotangents + STEP * width;
  let plain_cotangents = plain_queries + STEP * width;
  let scores = plain_cotangents + STEP * width;
  let products = scores + 2u * STEP;

  for (var y = 0u; y < lines; y += 4u) {
    let k4 = four_rows(k_at, params.k_layout.w, first + y, params.keys);
    let v4 = four_rows(v_at, params.v_layout.w, first + y, params.keys);
    for (var d = 0u; d < width; d++) {
      let x = transpose(mat4x4f(k[k4.x + d], k[k4.y + d], k[k4.z + d], k[k4.w + d]));
      put_block(y * width + 4u * d, x * params.scale);
      let z = transpose(mat4x4f(v[v4.x + d], v[v4.y + d], v[v4.z + d], v[v4.w + d]));
      put_block(values + y * width + 4u * d, z);
    }
  }
  let deltas = params.pairs * params.group * params.queries;
  for (var member = 0u; member < params.group; member++) {
    let query_pair = pair * params.group + member;
    let q_at = head_start(params.q_layout, query_pair, params.heads);
    let g_at = head_start(params.g_layout, query_pair, params.heads);
    let at = query_pair * params.queries;
    let draw = draw_of(query_pair, params.pairs * params.group);
    // Queries before the first key see none of them.
    for (var start = select(0u, first, CAUSAL == 1u); start < params.queries; start += STEP) {
      let count = min(params.queries - start, STEP);
      for (var i = 0u; i < count; i += 4u) {
        let q4 = four_rows(q_at, params.q_layout.w, start + i, params.queries);
        let g4 = four_rows(g_at, params.g_layout.w, start + i, params.queries);
        for (var d = 0u; d < width; d++) {
          let x = mat4x4f(q[q4.x + d], q[q4.y + d], q[q4.z + d], q[q4.w + d]);
          put_block(plain_queries + d * STEP + i, x);
          put_block(queries + i * width + 4u * d, transpose(x));
          let z = mat4x4f(g[g4.x + d], g[g4.y + d], g[g4.z + d], g[g4.w + d]);
          put_block(plain_cotangents + d * STEP + i, z);
          put_block(cotangents + i * width + 4u * d, transpose(z));
        }
      }
      for (var y = 0u; y < lines; y += 8u) {
        let key = first + y;
        var begin = 0u;
        if (CAUSAL == 1u) { begin = max(key, start) - start; }
        if (begin >= count) { continue; }
        let eight = y * width;
        for (var i = begin; i < count; i += 4u) {
          let at4 = four_rows(at, 1u, start + i, params.queries);
          let d4 = at4 + deltas;
          let from_delta = select(
            -vec4f(rows[d4.x], rows[d4.y], rows[d4.z], rows[d4.w]),
            vec4f(0.0),
            DROP == 1u,
          );
          for (var j = 0u; j < 4u; j++) {
            tile[scores + i + j] = vec4f(0.0);
            tile[scores + STEP + i + j] = vec4f(0.0);
            tile[products + i + j] = vec4f(from_delta[j]);
            tile[products + STEP + i + j] = vec4f(from_delta[j]);
          }
          multiply(queries + i * width, eight, depth, scores + i, STEP, depth);
          let other = values + eight;
          multiply(cotangents + i * width, other, depth, products + i, STEP, depth);
        }
        slope(scores, products, begin, count, query_pair, start, key, draw);
        slope(scores + STEP, products + STEP, begin, count, query_pair, start, key + 4u, draw);
        let some = count - begin;
        for (var d = 0u; d < width; d++) {
          let to_v = dv + eight + 4u * d;
          let p = scores + begin;
          multiply(plain_cotangents + d * STEP + begin, p, STEP, to_v, depth, some);
          let to_k = dk + eight + 4u * d;
          let ds = products + begin;
          multiply(plain_queries + d * STEP + begin, ds, STEP, to_k, depth, some);
        }
      }
    }
  }

  let dk_at = head_start(params.dk_layout, pair, key_heads);
  let dv_at = head_start(params.dv_layout, pair, key_heads);
  for (var y = 0u; y < lines; y += 4u) {
    let dk4 = four_rows(dk_at, params.dk_layout.w, first + y, params.keys);
    let dv4 = four_rows(dv_at, params.dv_layout.w, first + y, params.keys);
    let few = min(lines - y, 4u);
    for (var d = 0u; d < width; d++) {
      let x = transpose(get_block(dk + y * width + 4u * d)) * params.slope;
      let z = transpose(get_block(dv + y * width + 4u * d));
      dkv[dk4.x + d] = x[0];
      dkv[dv4.x + d] = z[0];
      if (few > 1u) {
        dkv[dk4.y + d] = x[1];
        dkv[dv4.y + d] = z[1];
      }
      if (few > 2u) {
        dkv[dk4.z + d] = x[2];
        dkv[dv4.z + d] = z[2];
      }
      if (few > 3u) {
        dkv[dk4.w + d] = x[3];
        dkv[dv4.w + d] = z[3];
      }
    }
  }
}
