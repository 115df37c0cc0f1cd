// Thresholds of projections onto the simplex with at most `most` nonzeros, for a `most` of up to 64: one walk along the
// row keeps the greatest scores in order; with y_1 >= y_2 >= ... those,
//
//   tau = (y_1 + ... + y_s - mass) / s,   s the last of 1, ..., most with y_s > (y_1 + ... + y_s - mass) / s
//
// shapes: x [problems, problem_rows, cols4], mass [problems, problem_rows], thresholds [5, problems, problem_pad],
//   conjugates [problems, problem_pad], projection as x, where WRITE says so
// access: one invocation per row; most vec4s of a long row hold nothing that is kept, and cost one comparison
// source: Kyrillidis, Becker, Cevher, Koch, Sparse projections onto the simplex, 2013 (arXiv:1206.1529); Liu,
//   Puigcerver, Blondel, Sparsity-constrained optimal transport, 2023 (arXiv:2209.15466)
#slot SCORE = given_score // given_score | potential_score
#slot ENDED = never_ended // never_ended | state_ended
#include "grid"
#include "sparse_threshold"
const ROOM = 64u; // 4 | 16 | 64
const WRITE = 1u; // 0 | 1

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.problems * params.problem_pad) { return; }
  if (!is_row(item)) {
    store_nothing(item);
    return;
  }
  let row = row_of(item);
  if (ENDED(row.problem)) { return; }
  let last = min(min(params.most, params.length), ROOM) - 1u;

  var kept: array<f32, ROOM>;
  var places: array<u32, ROOM>;
  for (var k = 0u; k < ROOM; k++) { kept[k] = LOWEST; }
  var least = LOWEST;
  for (var c = 0u; c < params.cols4; c++) {
    let four = score(row, c);
    if (any(four > vec4f(least))) {
      for (var lane = 0u; lane < 4u; lane++) {
        let y = four[lane];
        if (y > least) {
          var k = last;
          while (k > 0u && y > kept[k - 1u]) {
            kept[k] = kept[k - 1u];
            places[k] = places[k - 1u];
            k--;
          }
          kept[k] = y;
          places[k] = c * 4u + lane;
          least = kept[last];
        }
      }
    }
  }

  let top = kept[0];
  var above = -row.mass;
  var sum = 0.0;
  for (var k = 0u; k <= last; k++) {
    let y = kept[k] - top;
    sum += y;
    let next = (sum - row.mass) / f32(k + 1u);
    if (k > 0u && y <= next) { break; }
    above = next;
  }
  var conjugate = 0.0;
  for (var k = 0u; k <= last; k++) {
    let p = max((kept[k] - top) - above, 0.0);
    if (p > 0.0) { conjugate += p * (kept[k] - 0.5 * p); }
  }
  let threshold = Threshold(top, above, kept[last], places[last], conjugate);
  store_threshold(item, threshold);
  if (WRITE == 1u) { store_projection(row, threshold); }
}
