// Thresholds of projections onto the simplex with any number of nonzeros at most: tau solves sum max(y_i - tau, 0) =
// mass, by Newton's method from the left, which ends after finitely many steps. If that keeps more than `most`, the
// most-th greatest score is found by halving the bits of its key, and tau = (the sum of the greatest - mass) / most:
// what a row keeps without a bound on their number, it keeps as far as the bound goes.
//
// shapes: as in sparse_list
// access: one invocation per row, a walk for each step: few for Newton's method, up to 32 for the bits
// source: Condat, Fast projection onto the simplex and the l1 ball, 2016; Kyrillidis, Becker, Cevher, Koch 2013
//   (arXiv:1206.1529)
#slot SCORE = given_score // given_score | potential_score
#slot ENDED = never_ended // never_ended | state_ended
#include "grid"
#include "sparse_threshold"
const WRITE = 1u; // 0 | 1

// The sum of a few, and how many they are.
struct Share {
  sum: f32,
  count: u32,
}

// Of the scores that exceed `cut` and lie more than `above` above `top`, less `top`.
fn share_of(row: Row, top: f32, above: f32, cut: f32) -> Share {
  var sum = vec4f(0.0);
  var count = vec4u(0u);
  for (var c = 0u; c < params.cols4; c++) {
    let y = score(row, c);
    let d = y - vec4f(top);
    let kept = (d > vec4f(above)) & (y > vec4f(cut));
    sum += select(vec4f(0.0), d, kept);
    count += select(vec4u(0u), vec4u(1u), kept);
  }
  return Share((sum.x + sum.y) + (sum.z + sum.w), count.x + count.y + count.z + count.w);
}

// How many scores are at least `bound`.
fn count_from(row: Row, bound: f32) -> u32 {
  var count = vec4u(0u);
  for (var c = 0u; c < params.cols4; c++) {
    count += select(vec4u(0u), vec4u(1u), score(row, c) >= vec4f(bound));
  }
  return count.x + count.y + count.z + count.w;
}

// f32s in their order as whole numbers, and back.
fn key_of(y: f32) -> u32 {
  let bits = bitcast<u32>(y);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn score_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}

// The `rank`-th of the scores that equal y.
fn place_of(row: Row, y: f32, rank: u32) -> u32 {
  var seen = 0u;
  for (var c = 0u; c < params.cols4; c++) {
    let four = score(row, c);
    if (any(four == vec4f(y))) {
      for (var lane = 0u; lane < 4u; lane++) {
        if (four[lane] == y) {
          seen += 1u;
          if (seen == rank) { return c * 4u + lane; }
        }
      }
    }
  }
  return params.length;
}

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

  var high = vec4f(LOWEST);
  for (var c = 0u; c < params.cols4; c++) { high = max(high, score(row, c)); }
  let top = max(max(high.x, high.y), max(high.z, high.w));

  var above = -row.mass;
  var count = 0u;
  // Steps go up, until rounding stops them.
  for (var step = 0u; step < 64u; step++) {
    let share = share_of(row, top, above, LOWEST);
    if (share.count == count || share.count == 0u) { break; }
    count = share.count;
    let next = (share.sum - row.mass) / f32(count);
    if (next <= above) { break; }
    above = next;
  }
  var cut = LOWEST;
  var place = params.length;
  if (share_of(row, top, above, LOWEST).count > params.most) {
    var low = key_of(top + above);
    var beyond = key_of(top) + 1u;
    // At least `most` scores have the key low or a greater one, fewer the key beyond.
    if (count_from(row, score_of(low)) < params.most) { low = key_of(LOWEST); }
    while (beyond - low > 1u) {
      let middle = low + (beyond - low) / 2u;
      if (count_from(row, score_of(middle)) >= params.most) { low = middle; } else { beyond = middle; }
    }
    cut = score_of(low);
    let more = share_of(row, top, LOWEST, cut);
    place = place_of(row, cut, params.most - more.count);
    above = (more.sum + f32(params.most - more.count) * (cut - top) - row.mass) / f32(params.most);
  }
  var conjugate = vec4f(0.0);
  for (var c = 0u; c < params.cols4; c++) {
    let y = score(row, c);
    let i = vec4u(c * 4u) + vec4u(0u, 1u, 2u, 3u);
    let kept = (y > vec4f(cut)) | ((y == vec4f(cut)) & (i <= vec4u(place)));
    let p = max((y - vec4f(top)) - vec4f(above), vec4f(0.0));
    conjugate += select(vec4f(0.0), p * (y - 0.5 * p), kept & (p > vec4f(0.0)));
  }
  let sum = (conjugate.x + conjugate.y) + (conjugate.z + conjugate.w);
  let threshold = Threshold(top, above, cut, place, sum);
  store_threshold(item, threshold);
  if (WRITE == 1u) { store_projection(row, threshold); }
}
