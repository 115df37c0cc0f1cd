// What a reduction does with two partial results. Maximum and minimum let NaN through, as PyTorch does.
#include "bits"
fn combine_sum(a: f32, b: f32) -> f32 { return a + b; }
fn combine_sum_i32(a: i32, b: i32) -> i32 { return a + b; }
fn combine_sum_u32(a: u32, b: u32) -> u32 { return a + b; }
fn combine_max(a: f32, b: f32) -> f32 { return select(a, b, b > a || is_nan(b)); }
fn combine_max_i32(a: i32, b: i32) -> i32 { return max(a, b); }
fn combine_max_u32(a: u32, b: u32) -> u32 { return max(a, b); }
fn combine_min(a: f32, b: f32) -> f32 { return select(a, b, b < a || is_nan(b)); }
fn combine_min_i32(a: i32, b: i32) -> i32 { return min(a, b); }
fn combine_min_u32(a: u32, b: u32) -> u32 { return min(a, b); }

// What is stored of a result: `scale` is 1 / n for a mean; integers are stored as they are.
fn finish(a: f32, scale: f32) -> f32 { return a * scale; }
fn finish_i32(a: i32, scale: f32) -> i32 { return a; }
fn finish_u32(a: u32, scale: f32) -> u32 { return a; }
