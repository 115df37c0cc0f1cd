// y[row, s] = sum of g[row, q] over the windows q with index[row, q] = s
//
// No atomics: one invocation owns an element and looks at the windows that see it, in order.
//
// shapes: g and index [rows, pixels], y [rows, size], all dense
// access: an invocation has SEGMENT neighbouring elements along the last dimension, one after the other
#slot MET = met_regular // met_regular | met_adaptive
#include "grid"
#include "pool"
override SEGMENT: u32 = 1; // 1 | 64
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> g: array<T>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let s = segment_at(item, SEGMENT, params.size);
  let row = s.row * params.pixels_row;
  let m0 = MET(line_of(0u), s.place.x);
  let m1 = MET(line_of(1u), s.place.y);
  let l2 = line_of(2u);
  for (var q = s.place.z; q < s.end; q++) {
    let own = i32(s.line - s.row * params.size_row) + q;
    let m2 = MET(l2, q);
    var sum = 0.0;
    for (var i = m0.first; i <= m0.last; i++) {
      for (var j = m1.first; j <= m1.last; j++) {
        let line = row + u32((i * params.pixels.y + j) * params.pixels.z);
        for (var k = m2.first; k <= m2.last; k++) {
          if (index[line + u32(k)] == own) { sum += f32(g[line + u32(k)]); }
        }
      }
    }
    y[s.line + u32(q)] = T(sum);
  }
}
