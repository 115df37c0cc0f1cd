// Dropout of the probabilities: element (row, column) of a head is kept by word column % 4 of the block of the
// counter (column / 4, row, 2^31 + head, stream), head counting the heads of one draw; see philox. What is
// kept is drawn again wherever it is needed and stored nowhere.
#include "philox"
// Not a purpose of any other draw.
const ATTENTION_DRAW = 0x80000000u;

struct Draw {
  key: vec2<u32>,
  purpose: u32,
}

// The draw of a pair: as many pairs, from the first on, share a key as there are pairs to a key.
fn draw_of(pair: u32, pairs: u32) -> Draw {
  if (DROP == 0u) { return Draw(vec2<u32>(0u), 0u); }
  let at = params.key_offset + pair / (pairs / params.draws) * 2u;
  let purpose = ATTENTION_DRAW + pair % params.drawn;
  return Draw(vec2<u32>(drop_key[at], drop_key[at + 1u]), purpose);
}

// The factors of four neighbouring columns, the first a multiple of 4: 0 or 1 / (1 - p).
fn kept_columns(draw: Draw, row: u32, column: u32) -> vec4f {
  let counter = vec4<u32>(column / 4u, row, draw.purpose, params.stream);
  let words = philox(draw.key, counter) >> vec4<u32>(1u);
  return select(vec4f(0.0), vec4f(params.keep_scale), words < vec4<u32>(params.keep_bound));
}

fn multiply_high_four(a: u32, b: vec4<u32>) -> vec4<u32> {
  let a_low = vec4<u32>(a & 0xffffu);
  let a_high = vec4<u32>(a >> 16u);
  let b_low = b & vec4<u32>(0xffffu);
  let b_high = b >> vec4<u32>(16u);
  let middle = a_high * b_low + ((a_low * b_low) >> vec4<u32>(16u));
  let carry = a_low * b_high + (middle & vec4<u32>(0xffffu));
  return a_high * b_high + (middle >> vec4<u32>(16u)) + (carry >> vec4<u32>(16u));
}

// The same for four neighbouring rows at once: [c] holds column c of the four rows.
fn kept_block(draw: Draw, row: u32, column: u32) -> mat4x4f {
  var x = vec4<u32>(column / 4u);
  var y = vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u);
  var z = vec4<u32>(draw.purpose);
  var w = vec4<u32>(params.stream);
  var k = draw.key;
  for (var round = 0; round < 10; round++) {
    let high = multiply_high_four(0xd2511f53u, x);
    let low = x * vec4<u32>(0xd2511f53u);
    x = multiply_high_four(0xcd9e8d57u, z) ^ y ^ vec4<u32>(k.x);
    y = z * vec4<u32>(0xcd9e8d57u);
    z = high ^ w ^ vec4<u32>(k.y);
    w = low;
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  let zero = vec4f(0.0);
  let kept = vec4f(params.keep_scale);
  let bound = vec4<u32>(params.keep_bound);
  return mat4x4f(
    select(zero, kept, (x >> vec4<u32>(1u)) < bound),
    select(zero, kept, (y >> vec4<u32>(1u)) < bound),
    select(zero, kept, (z >> vec4<u32>(1u)) < bound),
    select(zero, kept, (w >> vec4<u32>(1u)) < bound),
  );
}
