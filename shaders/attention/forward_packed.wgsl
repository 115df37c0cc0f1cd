// o[i] = sum_j p[i, j] z[i, j] v[j],  p[i, j] = exp(score[i, j] - L[i]),  L[i] = log sum_j exp(score[i, j]),
// score[i, j] = s q[i] . k[j] + mask[i, j]
//
// shapes: as in attention/forward
// access: a workgroup is one invocation, which takes ROWS queries of one head and walks STEP keys at a time.
// It packs what it reads, so that eight queries are two vec4s, and multiplies k with q, and v with the
// probabilities, in blocks of 4 x 8; maxima, exponentials and sums run on four queries at once. Under
// CAUSAL eight queries skip the keys that none of them sees. For the CPU executor.
// source: Milakov, Gimelshein 2018 (arXiv:1805.02867); Dao et al. 2022 (arXiv:2205.14135)
#include "grid"
#include "attention_forward"
#include "attention_packed"
override CAUSAL: u32 = 1; // 0 | 1
// As in attention/forward; not listed, because drivers that never run it so take minutes to compile it.
override MASK: u32 = 0;
override DROP: u32 = 0;
override ROWS: u32 = 8;
override STEP: u32 = 8;
// vec4s of workgroup memory.
override SIZE: u32 = 1024;

// One after the other: q turned; o turned; k turned; v plain; scores, STEP vec4s for four queries and STEP for
// the next four; for each four queries, the maximum of their scores; for each four, the sum of exponentials.
var<workgroup> tile: array<vec4f, SIZE>;

// The scores of four queries become probabilities, up to the factor that o is divided by in the end.
// Returns what the sums so far are to be multiplied by.
fn weigh(
  scores: u32,
  count: u32,
  key: u32,
  pair: u32,
  query: u32,
  draw: Draw,
  high: u32,
  total: u32,
) -> vec4f {
  let before = tile[high];
  var most = before;
  if (CAUSAL == 1u && key + count > query + 1u) {
    for (var j = 0u; j < count; j++) {
      tile[scores + j] = select(vec4f(LOWEST), tile[scores + j], sees(query, key + j));
    }
  }
  if (MASK != 0u) {
    let mask_rows = four_rows(mask_start(pair, 0u), params.mask_layout.w, query, params.queries);
    for (var j = 0u; j < count; j++) {
      tile[scores + j] = masked_four(tile[scores + j], mask_rows + (key + j) * params.mask_step);
    }
  }
  for (var j = 0u; j < count; j++) { most = max(most, tile[scores + j]); }
  let keep = exp2(before - most);
  var sum = tile[total] * keep;
  for (var j = 0u; j < count; j++) {
    let p = weights(tile[scores + j], most);
    tile[scores + j] = p;
    sum += p;
  }
  if (DROP == 1u) {
    for (var j = 0u; j < count; j += 4u) {
      var kept = kept_block(draw, query, key + j);
      for (var i = 0u; i < 4u; i++) { tile[scores + j + i] *= kept[i]; }
    }
  }
  tile[high] = most;
  tile[total] = sum;
  return keep;
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
  let k_at = key_head_start(params.k_layout, pair);
  let v_at = key_head_start(params.v_layout, pair);
  let draw = draw_of(pair, params.pairs);
  let sums = ROWS * width;
  let keys = sums + ROWS * width;
  let values = keys + STEP * width;
  let scores = values + STEP * width;
  let highs = scores + 2u * STEP;
  let totals = highs + ROWS / 4u;

  for (var y = 0u; y < rows; y += 4u) {
    let q4 = four_rows(q_at, params.q_layout.w, first + y, params.queries);
    for (var d = 0u; d < width; d++) {
      let x = transpose(mat4x4f(q[q4.x + d], q[q4.y + d], q[q4.z + d], q[q4.w + d]));
      put_block(y * width + 4u * d, x * params.scale);
    }
    tile[highs + y / 4u] = vec4f(LOWEST);
  }
  let end = visible_keys(first + rows - 1u, params.keys);
  for (var start = 0u; start < end; start += STEP) {
    let count = min(end - start, STEP);
    for (var j = 0u; j < count; j += 4u) {
      let k4 = four_rows(k_at, params.k_layout.w, start + j, params.keys);
      for (var d = 0u; d < width; d++) {
        let x = transpose(mat4x4f(k[k4.x + d], k[k4.y + d], k[k4.z + d], k[k4.w + d]));
        put_block(keys + j * width + 4u * d, x);
      }
    }
    for (var j = 0u; j < count; j++) {
      let value = v_at + (start + j) * params.v_layout.w;
      for (var d = 0u; d < width; d++) { tile[values + d * STEP + j] = v[value + d]; }
    }
    for (var y = 0u; y < rows; y += 8u) {
      let query = first + y;
      let seen = visible_keys(min(query + 7u, params.queries - 1u), params.keys);
      if (seen <= start) { continue; }
      let some = min(count, seen - start);
      for (var j = 0u; j < some; j += 4u) {
        put_block(scores + j, mat4x4f());
        put_block(scores + STEP + j, mat4x4f());
        let eight = y * width;
        multiply(keys + j * width, eight, depth, scores + j, STEP, depth);
      }
      let near = y / 4u;
      let keep = weigh(scores, some, start, pair, query, draw, highs + near, totals + near);
      let far = near + 1u;
      let other = scores + STEP;
      let keep_far = weigh(other, some, start, pair, query + 4u, draw, highs + far, totals + far);
      let out = sums + y * width;
      for (var d = 0u; d < depth; d++) {
        tile[out + d] *= keep;
        tile[out + depth + d] *= keep_far;
      }
      for (var d = 0u; d < width; d++) {
        let to = out + 4u * d;
        multiply(values + d * STEP, scores, STEP, to, depth, some);
      }
    }
  }

  let o_at = head_start(params.o_layout, pair, params.heads);
  for (var y = 0u; y < rows; y += 4u) {
    let o4 = four_rows(o_at, params.o_layout.w, first + y, params.queries);
    let sum = tile[totals + y / 4u];
    let total = select(sum, vec4f(1.0), vec4<bool>(MASK != 0u) & (sum == vec4f(0.0)));
    let lines = min(rows - y, 4u);
    for (var d = 0u; d < width; d++) {
      let x = get_block(sums + y * width + 4u * d);
      let z = transpose(mat4x4f(x[0] / total, x[1] / total, x[2] / total, x[3] / total));
      o[o4.x + d] = z[0];
      if (lines > 1u) { o[o4.y + d] = z[1]; }
      if (lines > 2u) { o[o4.z + d] = z[2]; }
      if (lines > 3u) { o[o4.w + d] = z[3]; }
    }
    let log_total = tile[highs + y / 4u] + log2(total);
    for (var i = 0u; i < lines; i++) { lse[pair * params.queries + first + y + i] = log_total[i]; }
  }
}
