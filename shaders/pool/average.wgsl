// y[row, q] = weight(q) · sum of x[row, s] over the window of q
//
// shapes: x [rows, size], y [rows, pixels], both dense
// access: one window per invocation; the sum runs over the window in order
#slot TAPS = taps_regular // taps_regular | taps_adaptive
#include "grid"
#include "pool_average"
override COUNT: u32 = 0; // 0 | 1 | 2
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let q = place_of(i32(item % params.pixels_row), params.pixels);
  let row = item / params.pixels_row * params.size_row;
  let t0 = TAPS(line_of(0u), q.x);
  let t1 = TAPS(line_of(1u), q.y);
  let t2 = TAPS(line_of(2u), q.z);
  var sum = 0.0;
  for (var i = 0; i < t0.count; i++) {
    for (var j = 0; j < t1.count; j++) {
      let line = (t0.first + i * t0.step) * params.size.y + t1.first + j * t1.step;
      var at = row + u32(line * params.size.z + t2.first);
      for (var k = 0; k < t2.count; k++) {
        sum += f32(x[at]);
        at += u32(t2.step);
      }
    }
  }
  y[item] = T(sum * weight(q));
}
