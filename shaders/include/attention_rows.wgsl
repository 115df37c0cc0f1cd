// What the attention kernels share. A layout is (base, batch,
// head, row): row r of head h of batch b starts at base + b * batch + h * head + r * row, all in vec4s. A
// pair is b * heads + h. `group` query heads share a key head: query pair p goes with key pair p / group. The
// including kernel declares `override CAUSAL`, `override MASK` and `override DROP`.
#include "attention_dropout"
const LOWEST = -0x1.fffffep+127f;
// A score that does not count.
const HIDDEN = LOWEST;

fn head_start(lies: vec4<u32>, pair: u32, heads: u32) -> u32 {
  return lies.x + (pair / heads) * lies.y + (pair % heads) * lies.z;
}

// Where the keys, or the values, of a query's head start.
fn key_head_start(lies: vec4<u32>, pair: u32) -> u32 {
  return head_start(lies, pair / params.group, params.heads / params.group);
}

// Keys that query row `row` sees: all, or those up to its own position.
fn visible_keys(row: u32, keys: u32) -> u32 {
  return select(keys, min(row + 1u, keys), CAUSAL == 1u);
}

// Where the mask of row `row` starts, in elements; mask_layout is a layout in elements.
fn mask_start(pair: u32, row: u32) -> u32 {
  return head_start(params.mask_layout, pair, params.heads) + row * params.mask_layout.w;
}

// MASK 1: bools, of which 0 hides. MASK 2: floats in units of log e, of which -1e30 and below hide; as bits,
// because -Infinity is among them.
fn masked(score: f32, at: u32) -> f32 {
  let word = mask[at];
  if (MASK == 1u) { return select(HIDDEN, score, word != 0u); }
  let hides = word >= 0xf149f2cau && word <= 0xff800000u;
  return select(score + bitcast<f32>(word) * 1.442695040888963f, HIDDEN, hides);
}

fn masked_four(score: vec4f, at: vec4<u32>) -> vec4f {
  return vec4f(
    masked(score.x, at.x),
    masked(score.y, at.y),
    masked(score.z, at.z),
    masked(score.w, at.w),
  );
}

// exp2(score - high), and exactly 0 for a score that is hidden, also where all are.
fn weight(score: f32, high: f32) -> f32 {
  let p = exp2(score - high);
  return select(p, 0.0, MASK != 0u && score == HIDDEN);
}

fn weights(score: vec4f, high: vec4f) -> vec4f {
  let p = exp2(score - high);
  return select(p, vec4f(0.0), vec4<bool>(MASK != 0u) & (score == vec4f(HIDDEN)));
}

// What a row of exponentials is divided by: a row that sees nothing gives zeros.
fn divisor(total: f32) -> f32 {
  return select(total, 1.0, MASK != 0u && total == 0.0);
}
