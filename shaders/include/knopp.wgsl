// Rows and columns ("lines") of matrices of logarithms, normalised in turn: x - log sum exp x + log mass, the sum
// relative to its greatest term, so that nothing overflows. An entry below FORBIDDEN / 2 gets nothing; a line of
// such entries stays as it is, and its probabilities are 0.
//
// The including kernel declares `alias V` and functions `entry(at) -> V`, `keep_entry(at, value)`,
// `turned(k, first, count) -> u32`: which element of a line comes k-th, so that neighbouring invocations can begin
// at neighbouring places.
const FORBIDDEN = -1e30;
// By their bits: WGSL does not promise that comparisons tell them.
const INFINITY = 0x7f800000u;
const MINUS_INFINITY = 0xff800000u;
const NOT_A_NUMBER = 0x7fc00000u;
const LOWEST = -0x1.fffffep+127f;

struct Line {
  // The greatest entry, or 0 where all are forbidden.
  top: V,
  // Of exponentials relative to it; 1 where all are forbidden.
  sum: V,
}

fn line_sum(base: u32, step: u32, count: u32, first: u32) -> Line {
  var high = V(LOWEST);
  for (var k = 0u; k < count; k++) { high = max(high, entry(base + turned(k, first, count) * step)); }
  let closed = high < V(0.5 * FORBIDDEN);
  let top = select(high, V(0.0), closed);
  var sum = V(0.0);
  for (var k = 0u; k < count; k++) { sum += exp(entry(base + turned(k, first, count) * step) - top); }
  return Line(top, select(sum, V(1.0), closed));
}

// Returns what was subtracted from every entry.
fn normalise_line(base: u32, step: u32, count: u32, first: u32, log_mass: V) -> V {
  let line = line_sum(base, step, count, first);
  let rest = log(line.sum) - log_mass;
  for (var k = 0u; k < count; k++) {
    let at = base + turned(k, first, count) * step;
    keep_entry(at, (entry(at) - line.top) - rest);
  }
  return line.top + rest;
}

// The last normalisation, with its exponential: the sum of the line is `mass` to rounding.
fn probability_line(base: u32, step: u32, count: u32, first: u32, log_mass: V) {
  let line = line_sum(base, step, count, first);
  let factor = exp(log_mass) / line.sum;
  for (var k = 0u; k < count; k++) {
    let at = base + turned(k, first, count) * step;
    keep_entry(at, factor * exp(entry(at) - line.top));
  }
}
