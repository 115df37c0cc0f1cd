// dv[j] = sum_i p[i, j] do[i],  dk[j] = s sum_i ds[i, j] q[i],  ds[i, j] = p[i, j] (do[i] . v[j] - delta[i])
//
// shapes: as in attention/backward_keys
// access: as in attention/forward_packed, the other way round: ROWS keys, STEP queries at a time, from the
// first to the last; four keys to a vec4, products in blocks of 4 queries x 8 keys. The products with v begin
// at -delta.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
#include "grid"
#include "attention_packed"
override CAUSAL: u32 = 1; // 0 | 1
override ROWS: u32 = 8;
override STEP: u32 = 8;
// vec4s of workgroup memory.
override SIZE: u32 = 1024;

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

// One after the other: k, v, dk, dv turned; q, g turned; q, g plain; scores, STEP vec4s for four keys and STEP
// for the next four; the same for dp.
var<workgroup> tile: array<vec4f, SIZE>;

// The scores of four keys become p, and dp becomes ds, for the queries from `begin` to `end` of the tile.
// The L of query i of the tile is lse[totals + i]: subtracted last, since sums that begin at a large -L lose bits.
fn slope(scores: u32, products: u32, begin: u32, end: u32, totals: u32, query: u32, key: u32) {
  for (var i = begin; i < end; i++) {
    let keys = key + vec4<u32>(0u, 1u, 2u, 3u);
    let seen = vec4<bool>(CAUSAL == 0u) | (keys <= vec4<u32>(query + i));
    let p = select(vec4f(0.0), exp2(tile[scores + i] - lse[totals + i]), seen);
    tile[scores + i] = p;
    tile[products + i] *= p;
  }
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let group = linear_group(id, groups);
  let parts = (params.keys + ROWS - 1u) / ROWS;
  let pair = group / parts;
  if (pair >= params.pairs) { return; }
  let first = group % parts * ROWS;
  let rows = min(params.keys - first, ROWS);
  let width = params.width;
  let depth = 4u * width;
  let q_at = head_start(params.q_layout, pair, params.heads);
  let k_at = head_start(params.k_layout, pair, params.heads);
  let v_at = head_start(params.v_layout, pair, params.heads);
  let g_at = head_start(params.g_layout, pair, params.heads);
  let at = pair * params.queries;
  let values = ROWS * width;
  let dk = values + ROWS * width;
  let dv = dk + ROWS * width;
  let queries = dv + ROWS * width;
  let cotangents = queries + STEP * width;
  let plain_queries = cotangents + STEP * width;
  let plain_cotangents = plain_queries + STEP * width;
  let scores = plain_cotangents + STEP * width;
  let products = scores + 2u * STEP;

  for (var y = 0u; y < rows; y += 4u) {
    let k4 = four_rows(k_at, params.k_layout.w, first + y, params.keys);
    let v4 = four_rows(v_at, params.v_layout.w, first + y, params.keys);
    for (var d = 0u; d < width; d++) {
      let x = transpose(mat4x4f(k[k4.x + d], k[k4.y + d], k[k4.z + d], k[k4.w + d]));
      put_block(y * width + 4u * d, x * params.scale);
      let z = transpose(mat4x4f(v[v4.x + d], v[v4.y + d], v[v4.z + d], v[v4.w + d]));
      put_block(values + y * width + 4u * d, z);
    }
  }
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
    for (var y = 0u; y < rows; y += 8u) {
      let key = first + y;
      var begin = 0u;
      if (CAUSAL == 1u) { begin = max(key, start) - start; }
      if (begin >= count) { continue; }
      let eight = y * width;
      for (var i = begin; i < count; i += 4u) {
        let at4 = four_rows(at, 1u, start + i, params.queries);
        let deltas = vec4f(delta[at4.x], delta[at4.y], delta[at4.z], delta[at4.w]);
        for (var j = 0u; j < 4u; j++) {
          tile[scores + i + j] = vec4f(0.0);
          tile[scores + STEP + i + j] = vec4f(0.0);
          tile[products + i + j] = vec4f(-deltas[j]);
          tile[products + STEP + i + j] = vec4f(-deltas[j]);
        }
        multiply(queries + i * width, eight, depth, scores + i, STEP, depth);
        let other = values + eight;
        multiply(cotangents + i * width, other, depth, products + i, STEP, depth);
      }
      slope(scores, products, begin, count, at + start, start, key);
      slope(scores + STEP, products + STEP, begin, count, at + start, start, key + 4u);
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

  let dk_at = head_start(params.dk_layout, pair, params.heads);
  let dv_at = head_start(params.dv_layout, pair, params.heads);
  for (var y = 0u; y < rows; y += 4u) {
    let dk4 = four_rows(dk_at, params.dk_layout.w, first + y, params.keys);
    let dv4 = four_rows(dv_at, params.dv_layout.w, first + y, params.keys);
    let lines = min(rows - y, 4u);
    for (var d = 0u; d < width; d++) {
      let x = transpose(get_block(dk + y * width + 4u * d)) * params.slope;
      let z = transpose(get_block(dv + y * width + 4u * d));
      dkv[dk4.x + d] = x[0];
      dkv[dv4.x + d] = z[0];
      if (lines > 1u) {
        dkv[dk4.y + d] = x[1];
        dkv[dv4.y + d] = z[1];
      }
      if (lines > 2u) {
        dkv[dk4.z + d] = x[2];
        dkv[dv4.z + d] = z[2];
      }
      if (lines > 3u) {
        dkv[dk4.w + d] = x[3];
        dkv[dv4.w + d] = z[3];
      }
    }
  }
}
