// (y[a], y[b]) = (x[a] cos t - x[b] sin t, x[a] sin t + x[b] cos t), t = sense position frequency[i], for pair i
//
// of each row; (a, b) is (i, i + pairs), or (2 i, 2 i + 1) under INTERLEAVED 1. What comes after the pairs is
// copied. Angles are fractions of a turn in fixed point: frequency[i] holds 64 bits, high word first, and a
// product with a position wraps around as angles do, so that no position is too far for it.
//
// shapes: x, y [rows, width] dense; positions one for each row; without POSITIONS the position of row r is
//         offset + r / after % time, and `positions` may be bound to anything that is read
// access: one invocation per pair, and one per element that is copied
// source: Su et al. 2021 (arXiv:2104.09864)
#include "grid"
#include "philox"
#include "quarter_turns"
override INTERLEAVED: u32 = 0; // 0 | 1
override POSITIONS: u32 = 0; // 0 | 1

struct Params {
  rows: u32,
  width: u32,
  pairs: u32,
  after: u32,
  time: u32,
  offset: i32,
  sense: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> frequency: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

fn position_of(row: u32) -> i32 {
  if (POSITIONS == 1u) { return positions[row]; }
  return params.offset + i32(row / params.after % params.time);
}

// cos and sin of position * step turns.
fn direction(position: i32, step: vec2<u32>) -> vec2<f32> {
  let p = u32(position);
  // The high word of the product with the low word, of a signed position.
  let carry = multiply_high(p, step.y) - select(0u, step.y, position < 0);
  let turn = p * step.x + carry;
  let quarter = (turn + 0x20000000u) >> 30u;
  // 2 pi / 2^32.
  let r = f32(i32(turn - (quarter << 30u))) * 1.4629180792671596e-9;
  let s = sin_quarter(r);
  let c = cos_quarter(r);
  let odd = (quarter & 1u) == 1u;
  let cosine = select(c, s, odd);
  let sine = select(s, c, odd);
  return vec2<f32>(
    select(cosine, -cosine, quarter == 1u || quarter == 2u),
    select(sine, -sine, quarter >= 2u),
  );
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let items = params.width - params.pairs;
  let row = item / items;
  if (row >= params.rows) { return; }
  let i = item % items;
  let base = row * params.width;
  if (i >= params.pairs) {
    y[base + params.pairs + i] = x[base + params.pairs + i];
    return;
  }
  let a = base + select(i, 2u * i, INTERLEAVED == 1u);
  let b = a + select(params.pairs, 1u, INTERLEAVED == 1u);
  let turned = direction(position_of(row), frequency[i]);
  let c = turned.x;
  let s = turned.y * params.sense;
  let p = x[a];
  let q = x[b];
  y[a] = p * c - q * s;
  y[b] = p * s + q * c;
}
