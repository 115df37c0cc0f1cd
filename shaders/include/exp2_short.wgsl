// 2^x for exponents of at most 126, to 1.6 units in the last place; 2^-126 below that, where exp2 has to round
// subnormal numbers, which takes it half of its time on the CPU executor. For executors that compute what is written:
// drivers may take adding SHIFTER and taking it away for nothing.
//
// source: the polynomial of degree 5 that is 1 at 0 and has the least relative error on [-1/2, 1/2], 9e-8
const SHIFTER = 12582912.0;

fn exp2_short(x: vec4f) -> vec4f {
  let bounded = max(x, vec4f(-126.0));
  // 1.5 * 2^23 + n, n the nearest whole number: the low bits are those of n.
  let shifted = bounded + SHIFTER;
  let r = bounded - (shifted - SHIFTER);
  let high = (0.0013264731 * r + 0.009671513) * r + 0.055507336;
  let p = ((high * r + 0.24022242) * r + 0.693147) * r + 1.0;
  return bitcast<vec4f>(bitcast<vec4i>(p) + (bitcast<vec4i>(shifted) << vec4u(23u)));
}

fn exp2_plain(x: vec4f) -> vec4f { return exp2(x); }
