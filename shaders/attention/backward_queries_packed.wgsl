// dq[i] = s sum_j ds[i, j] k[j],  ds[i, j] = p[i, j] (do[i] . v[j] - delta[i]),  delta[i] = do[i] . o[i]
//
// shapes: as in attention/backward_queries
// access: as in attention/forward_packed: ROWS queries, STEP keys at a time, products in blocks of 4 x 8. The
// scores begin at -L and the products with v at -delta, so that neither is subtracted later.
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
  o_layout: vec4<u32>,
  g_layout: vec4<u32>,
  dq_layout: vec4<u32>,
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
@group(0) @binding(3) var<storage, read> o: array<vec4f>;
@group(0) @binding(4) var<storage, read> g: array<vec4f>;
@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dq: array<vec4f>;
@group(0) @binding(8) var<uniform> params: Params;

// One after the other: q, g, dq turned; k, v turned; k plain; scores, STEP vec4s for four queries and STEP for
// the next four; the same for dp; for each four queries, -L; for each four, -delta.
var<workgroup> tile: array<vec4f, SIZE>;

// p and dp of four queries become ds, in the place of p.
fn slope(scores: u32, products: u32, count: u32, key: u32, query: u32) {
  for (var j = 0u; j < count; j++) {
    let ds = exp2(tile[scores + j]) * tile[products + j];
    tile[scores + j] = select(vec4f(0.0), ds, vec4<bool>(CAUSAL == 0u) | sees(query, key + j));
  }
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let group = linear_group(id, groups);
  let parts = (params.queries + ROWS - 1u) / ROWS;
  let pair = group / parts;
  if (pair >= params.pairs) { return; }
  let first = group % parts * ROWS;
  let rows = min(params.queries - first, ROWS);
  let width = params.width;
  let depth = 4u * width;
  let q_at = head_start(params.q_layout, pair, params.heads);
  let k_at = head_start(params.k_layout, pair, params.heads);
  let v_at = head_start(params.v_layout, pair, params.heads);
  let o_at = head_start(params.o_layout, pair, params.heads);
  let g_at = head_start(params.g_layout, pair, params.heads);
  let at = pair * params.queries;
  let cotangents = ROWS * width;
  let sums = cotangents + ROWS * width;
  let keys = sums + ROWS * width;
  let values = keys + STEP * width;
  let plain_keys = values + STEP * width;
  let scores = plain_keys + STEP * width;
  let products = scores + 2u * STEP;
  let logs = products + 2u * STEP;
  let deltas = logs + ROWS / 4u;

  for (var y = 0u; y < rows; y += 4u) {
    let q4 = four_rows(q_at, params.q_layout.w, first + y, params.queries);
    let o4 = four_rows(o_at, params.o_layout.w, first + y, params.queries);
    let g4 = four_rows(g_at, params.g_layout.w, first + y, params.queries);
    var along = vec4f(0.0);
    for (var d = 0u; d < width; d++) {
      let x = transpose(mat4x4f(q[q4.x + d], q[q4.y + d], q[q4.z + d], q[q4.w + d]));
      put_block(y * width + 4u * d, x * params.scale);
      let z = transpose(mat4x4f(o[o4.x + d], o[o4.y + d], o[o4.z + d], o[o4.w + d]));
      let w = transpose(mat4x4f(g[g4.x + d], g[g4.y + d], g[g4.z + d], g[g4.w + d]));
      put_block(cotangents + y * width + 4u * d, w);
      along += (z[0] * w[0] + z[1] * w[1]) + (z[2] * w[2] + z[3] * w[3]);
    }
    let log4 = four_rows(at, 1u, first + y, params.queries);
    let log_total = vec4f(lse[log4.x], lse[log4.y], lse[log4.z], lse[log4.w]);
    tile[logs + y / 4u] = -log_total;
    tile[deltas + y / 4u] = -along;
    let lines = min(rows - y, 4u);
    for (var i = 0u; i < lines; i++) { delta[at + first + y + i] = along[i]; }
  }
  let end = visible_keys(first + rows - 1u, params.keys);
  for (var start = 0u; start < end; start += STEP) {
    let count = min(end - start, STEP);
    for (var j = 0u; j < count; j += 4u) {
      let k4 = four_rows(k_at, params.k_layout.w, start + j, params.keys);
      let v4 = four_rows(v_at, params.v_layout.w, start + j, params.keys);
      for (var d = 0u; d < width; d++) {
        let x = mat4x4f(k[k4.x + d], k[k4.y + d], k[k4.z + d], k[k4.w + d]);
        put_block(plain_keys + d * STEP + j, x);
        put_block(keys + j * width + 4u * d, transpose(x));
        let z = mat4x4f(v[v4.x + d], v[v4.y + d], v[v4.z + d], v[v4.w + d]);
        put_block(values + j * width + 4u * d, transpose(z));
      }
    }
    for (var y = 0u; y < rows; y += 8u) {
      let query = first + y;
      let seen = visible_keys(min(query + 7u, params.queries - 1u), params.keys);
      if (seen <= start) { continue; }
      let some = min(count, seen - start);
      let near = y / 4u;
      let far = near + 1u;
      let eight = y * width;
      for (var j = 0u; j < some; j += 4u) {
        for (var i = j; i < j + 4u; i++) {
          tile[scores + i] = tile[logs + near];
          tile[scores + STEP + i] = tile[logs + far];
          tile[products + i] = tile[deltas + near];
          tile[products + STEP + i] = tile[deltas + far];
        }
        multiply(keys + j * width, eight, depth, scores + j, STEP, depth);
        let back = cotangents + eight;
        multiply(values + j * width, back, depth, products + j, STEP, depth);
      }
      slope(scores, products, some, start, query);
      slope(scores + STEP, products + STEP, some, start, query + 4u);
      for (var d = 0u; d < width; d++) {
        let to = sums + eight + 4u * d;
        multiply(plain_keys + d * STEP, scores, STEP, to, depth, some);
      }
    }
  }

  let dq_at = head_start(params.dq_layout, pair, params.heads);
  for (var y = 0u; y < rows; y += 4u) {
    let dq4 = four_rows(dq_at, params.dq_layout.w, first + y, params.queries);
    let lines = min(rows - y, 4u);
    for (var d = 0u; d < width; d++) {
      let x = transpose(get_block(sums + y * width + 4u * d)) * params.slope;
      dq[dq4.x + d] = x[0];
      if (lines > 1u) { dq[dq4.y + d] = x[1]; }
      if (lines > 2u) { dq[dq4.z + d] = x[2]; }
      if (lines > 3u) { dq[dq4.w + d] = x[3]; }
    }
  }
}
