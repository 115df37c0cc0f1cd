// y[row, s] = sum of g[row, q] over the windows q with index[row, q] = s
//
// No atomics: one invocation owns an element and looks at the windows that see it, in order.
//
// shapes: g and index [rows, pixels], y [rows, size], all dense
// access: one element per invocation
#slot MET = met_regular // met_regular | met_adaptive
#include "grid"
#include "pool"
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> g: array<T>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let own = i32(item % params.size_row);
  let s = place_of(own, params.size);
  let row = item / params.size_row * params.pixels_row;
  let m0 = MET(0u, s.x);
  let m1 = MET(1u, s.y);
  let m2 = MET(2u, s.z);
  var sum = 0.0;
  for (var i = m0.first; i <= m0.last; i++) {
    for (var j = m1.first; j <= m1.last; j++) {
      let line = row + u32((i * params.pixels.y + j) * params.pixels.z);
      for (var k = m2.first; k <= m2.last; k++) {
        if (index[line + u32(k)] == own) { sum += f32(g[line + u32(k)]); }
      }
    }
  }
  y[item] = T(sum);
}
