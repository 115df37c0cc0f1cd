// Entries of the sparse matrix of a Newton system, from pairs of transport_pairs: the same bits, and the same entries
// kept, whichever side of a problem is the rows.

// Of 2, of the mass of a pair but for both weights.
fn symmetric_exponent(f: f32, g: vec4f, cost: vec4f) -> vec4f {
  return params.scale * ((vec4f(f) + g) - cost);
}

// log2 of P_ij / min(a_i, b_j), but for tails; columns without mass have no share.
fn share_of(exponent: vec4f, level_a: f32, level_b: vec4f) -> vec4f {
  let share = exponent + max(vec4f(level_a), level_b);
  return select(vec4f(NEGLIGIBLE), share, level_b > vec4f(0.5 * NEGLIGIBLE));
}
