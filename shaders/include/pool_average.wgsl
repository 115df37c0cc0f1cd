// What the sum of a window is multiplied by. COUNT, which the including kernel declares:
//   0: scale, for all windows
//   1: scale over the number of places, those in the padding included but none beyond it
//   2: scale over the number of elements
#include "pool"
fn places(d: u32, q: i32) -> i32 {
  let start = q * params.stride[d] - params.low[d];
  return min(start + params.window[d], params.size[d] + params.low[d]) - start;
}

fn weight(q: vec3<i32>) -> f32 {
  if (COUNT == 0u) { return params.scale; }
  if (COUNT == 1u) {
    return params.scale / f32(places(0u, q.x) * places(1u, q.y) * places(2u, q.z));
  }
  return params.scale / f32(TAPS(line_of(0u), q.x).count * TAPS(line_of(1u), q.y).count * TAPS(line_of(2u), q.z).count);
}
