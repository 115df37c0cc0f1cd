// What reductions and scans do with two partial results. Maximum and minimum let NaN through, as PyTorch does;
// they ask both questions, for the answer to the first is as good as chance, and a branch on it would be guessed
// wrongly.
#include "bits"
fn combine_sum(a: f32, b: f32) -> f32 { return a + b; }
fn combine_sum_i32(a: i32, b: i32) -> i32 { return a + b; }
fn combine_sum_u32(a: u32, b: u32) -> u32 { return a + b; }
fn combine_max(a: f32, b: f32) -> f32 { return select(a, b, (b > a) | is_nan(b)); }
fn combine_max_i32(a: i32, b: i32) -> i32 { return max(a, b); }
fn combine_max_u32(a: u32, b: u32) -> u32 { return max(a, b); }
fn combine_min(a: f32, b: f32) -> f32 { return select(a, b, (b < a) | is_nan(b)); }
fn combine_min_i32(a: i32, b: i32) -> i32 { return min(a, b); }
fn combine_min_u32(a: u32, b: u32) -> u32 { return min(a, b); }
fn combine_product(a: f32, b: f32) -> f32 { return a * b; }
fn combine_product_i32(a: i32, b: i32) -> i32 { return a * b; }
fn combine_product_u32(a: u32, b: u32) -> u32 { return a * b; }
// log(e^a + e^b), relative to the greater; small e by the series of 2 atanh(e / (2 + e)), for log(1 + e)
// would lose its low bits.
fn combine_log_add_exp(a: f32, b: f32) -> f32 {
  if (is_nan(a) || is_nan(b)) { return a + b; }
  let high = max(a, b);
  let low = min(a, b);
  if (!is_finite(high) || !is_finite(low)) { return high; }
  let e = exp(low - high);
  if (e > 0.35) { return high + log(1.0 + e); }
  let s = e / (2.0 + e);
  let z = s * s;
  return high + 2.0 * s * (1.0 + z * (0.33333334 + z * (0.2 + z * (0.14285715 + z * (0.11111111 + z * 0.09090909)))));
}
