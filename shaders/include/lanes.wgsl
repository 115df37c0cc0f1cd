// Rows read element by element or in vec4s. The including kernel declares `alias V = f32; // f32 | vec4f`.

// Elements in a V: the length of V(1.0) is 1 or 2. The compiler works it out.
fn lane_count() -> u32 {
  return u32(length(V(1.0)) * length(V(1.0)));
}

fn sum_lanes(v: V) -> f32 {
  let w = vec4f(v);
  if (lane_count() == 1u) { return w.x; }
  return (w.x + w.y) + (w.z + w.w);
}

fn max_lanes(v: V) -> f32 {
  let w = vec4f(v);
  return max(max(w.x, w.y), max(w.z, w.w));
}
