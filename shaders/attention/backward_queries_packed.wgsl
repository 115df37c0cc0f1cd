// dq[i] = s sum_j ds[i, j] k[j],  ds[i, j] = p[i, j] (z[i, j] do[i] . v[j] - delta[i])
//
// shapes: as in attention/backward_queries
// access: as in attention/forward_packed: ROWS queries, STEP keys at a time, products in blocks of 4 x 8. The
// scores begin at -L and, without dropout, the products with v at -delta, so that neither is subtracted later.
// source: Dao et al. 2022 (arXiv:2205.14135), appendix B
#include "grid"
#include "attention_backward_queries"
#include "attention_packed"
override CAUSAL: u32 = 1; // 0 | 1
// As in attention/forward; not listed, because drivers that never run it so take minutes to compile it.
override MASK: u32 = 0;
override DROP: u32 = 0;
override ROWS: u32 = 8;
override STEP: u32 = 8;
// vec4s of workgroup memory.
override SIZE: u32 = 1024;

// One after the other: q, g, dq turned; k, v turned; k plain; scores, STEP vec4s for four queries and STEP for
// the next four; the same for dp; for each four queries, -L; for each four, -delta.
var<workgroup> tile: array<vec4f, SIZE>;

// p and dp of four queries become ds, in the place of p; `delta` is where their -delta is.
fn slope(
  scores: u32,
  products: u32,
  count: u32,
  key: u32,
  pair: u32,
  query: u32,
  draw: Draw,
  delta: u32,
) {
  if (MASK != 0u) {
    let mask_rows = four_rows(mask_start(pair, 0u), params.mask_layout.w, query, params.queries);
    for (var j = 0u; j < count; j++) {
      tile[scores + j] = masked_four(tile[scores + j], mask_rows + (key + j) * params.mask_step);
    }
  }
  if (DROP == 1u) {
    for (var j = 0u; j < count; j += 4u) {
      var kept = kept_block(draw, query, key + j);
      for (var i = j; i < j + 4u; i++) {
        tile[products + i] = tile[products + i] * kept[i - j] + tile[delta];
      }
    }
  }
  for (var j = 0u; j < count; j++) {
    // A hidden score gives 0.
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
  let lines = min(params.queries - first, ROWS);
  let width = params.width;
  let depth = 4u * width;
  let q_at = head_start(params.q_layout, pair, params.heads);
  let k_at = key_head_start(params.k_layout, pair);
  let v_at = key_head_start(params.v_layout, pair);
  let g_at = head_start(params.g_layout, pair, params.heads);
  let at = pair * params.queries;
  let draw = draw_of(pair, params.pairs);
  let cotangents = ROWS * width;
  let sums = cotangents + ROWS * width;
  let keys = sums + ROWS * width;
  let values = keys + STEP * width;
  let plain_keys = values + STEP * width;
  let scores = plain_keys + STEP * width;
  let products = scores + 2u * STEP;
  let logs = products + 2u * STEP;
  let deltas = logs + ROWS / 4u;

  for (var y = 0u; y < lines; y += 4u) {
    let q4 = four_rows(q_at, params.q_layout.w, first + y, params.queries);
    let g4 = four_rows(g_at, params.g_layout.w, first + y, params.queries);
    for (var d = 0u; d < width; d++) {
      let x = transpose(mat4x4f(q[q4.x + d], q[q4.y + d], q[q4.z + d], q[q4.w + d]));
      put_block(y * width + 4u * d, x * params.scale);
      let w = transpose(mat4x4f(g[g4.x + d], g[g4.y + d], g[g4.z + d], g[g4.w + d]));
      put_block(cotangents + y * width + 4u * d, w);
    }
    let log4 = four_rows(at, 1u, first + y, params.queries);
    tile[logs + y / 4u] = -vec4f(rows[log4.x], rows[log4.y], rows[log4.z], rows[log4.w]);
    let d4 = log4 + params.pairs * params.queries;
    tile[deltas + y / 4u] = -vec4f(rows[d4.x], rows[d4.y], rows[d4.z], rows[d4.w]);
  }
  let end = visible_keys(first + lines - 1u, params.keys);
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
    for (var y = 0u; y < lines; y += 8u) {
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
          tile[products + i] = select(tile[deltas + near], vec4f(0.0), DROP == 1u);
          tile[products + STEP + i] = select(tile[deltas + far], vec4f(0.0), DROP == 1u);
        }
        multiply(keys + j * width, eight, depth, scores + j, STEP, depth);
        let back = cotangents + eight;
        multiply(values + j * width, back, depth, products + j, STEP, depth);
      }
      slope(scores, products, some, start, pair, query, draw, deltas + near);
      let beside = scores + STEP;
      slope(beside, products + STEP, some, start, pair, query + 4u, draw, deltas + far);
      for (var d = 0u; d < width; d++) {
        let to = sums + eight + 4u * d;
        multiply(plain_keys + d * STEP, scores, STEP, to, depth, some);
      }
    }
  }

  let dq_at = head_start(params.dq_layout, pair, params.heads);
  for (var y = 0u; y < lines; y += 4u) {
    let dq4 = four_rows(dq_at, params.dq_layout.w, first + y, params.queries);
    let few = min(lines - y, 4u);
    for (var d = 0u; d < width; d++) {
      let x = transpose(get_block(sums + y * width + 4u * d)) * params.slope;
      dq[dq4.x + d] = x[0];
      if (few > 1u) { dq[dq4.y + d] = x[1]; }
      if (few > 2u) { dq[dq4.z + d] = x[2]; }
      if (few > 3u) { dq[dq4.w + d] = x[3]; }
    }
  }
}
