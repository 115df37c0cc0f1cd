// y[row, s] = sum of weight(q) g[row, q] over the windows q that see s
//
// shapes: g [rows, pixels], y [rows, size], both dense
// access: one element per invocation; the sum runs over the windows in order
#slot TAPS = taps_regular // taps_regular | taps_adaptive
#slot MET = met_regular // met_regular | met_adaptive
#include "grid"
#include "pool_average"
override COUNT: u32 = 0; // 0 | 1 | 2
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> g: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let s = place_of(i32(item % params.size_row), params.size);
  let row = item / params.size_row * params.pixels_row;
  let m0 = MET(line_of(0u), s.x);
  let m1 = MET(line_of(1u), s.y);
  let m2 = MET(line_of(2u), s.z);
  var sum = 0.0;
  for (var i = m0.first; i <= m0.last; i++) {
    if (!sees(m0, i)) { continue; }
    for (var j = m1.first; j <= m1.last; j++) {
      if (!sees(m1, j)) { continue; }
      let line = row + u32((i * params.pixels.y + j) * params.pixels.z);
      for (var k = m2.first; k <= m2.last; k++) {
        if (sees(m2, k)) { sum += weight(vec3<i32>(i, j, k)) * f32(g[line + u32(k)]); }
      }
    }
  }
  y[item] = T(sum);
}
