// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; SC 2011): a
// keyed bijection of a 128-bit counter. Integers only, so that every adapter and the host twin
// src/random/philox.ts give the same bits.
//
// The counter is (block, round, purpose, stream): element e of a draw takes word e % 4 of block e / 4. Draws by
// rejection take blocks of their own: round r of element e is block e.
const DRAW = 0u;
const SPLIT = 1u;
const FOLD_IN = 2u;
const GAMMA = 3u;
const POISSON = 4u;
const BINOMIAL = 5u;

// High 32 bits of the 64-bit product.
fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let middle = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = a_low * b_high + (middle & 0xffffu);
  return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox(key: vec2<u32>, counter: vec4<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var round = 0; round < 10; round++) {
    let high = vec2<u32>(multiply_high(0xd2511f53u, c.x), multiply_high(0xcd9e8d57u, c.z));
    let low = vec2<u32>(0xd2511f53u * c.x, 0xcd9e8d57u * c.z);
    c = vec4<u32>(high.y ^ c.y ^ k.x, low.y, high.x ^ c.w ^ k.y, low.x);
    // The golden ratio and sqrt(3) - 1, as 32-bit fractions.
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}
