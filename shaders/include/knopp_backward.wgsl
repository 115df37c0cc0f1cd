// One normalisation of a line (see knopp) backwards: from the cotangents of its logarithms y to those of what they
// were before, x = y + offset:  dx = dy - exp(y - log mass) sum dy. The sum is the cotangent of log mass.
//
// The including kernel also declares `cotangent(at) -> V` and `keep_cotangent(at, value)`.
#include "knopp"

// `base` is where the line's entries begin, `to` where its cotangents do.
fn reverse_line(base: u32, to: u32, step: u32, count: u32, first: u32, log_mass: V, offset: V) -> V {
  var total = V(0.0);
  for (var k = 0u; k < count; k++) { total += cotangent(to + turned(k, first, count) * step); }
  for (var k = 0u; k < count; k++) {
    let along = turned(k, first, count) * step;
    let y = entry(base + along);
    keep_cotangent(to + along, cotangent(to + along) - exp(y - log_mass) * total);
    keep_entry(base + along, y + offset);
  }
  return total;
}
