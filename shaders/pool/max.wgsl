// y[row, q] = max of x[row, s] over the window of q; index[row, q] = the first such s, counted in the row
//
// NaN is greater than any number. Every window sees at least one element.
//
// shapes: x [rows, size], y and index [rows, pixels], all dense
// access: an invocation has SEGMENT neighbouring windows along the last dimension, one after the other
#slot TAPS = taps_regular // taps_regular | taps_adaptive
#include "grid"
#include "bits"
#include "pool"
override SEGMENT: u32 = 1; // 1 | 64
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<storage, read_write> index: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let s = segment_at(item, SEGMENT, params.pixels);
  let row = s.row * params.size_row;
  let t0 = TAPS(line_of(0u), s.place.x);
  let t1 = TAPS(line_of(1u), s.place.y);
  let l2 = line_of(2u);
  for (var q = s.place.z; q < s.end; q++) {
    let t2 = TAPS(l2, q);
    var best = 0.0;
    var chosen = -1;
    for (var i = 0; i < t0.count; i++) {
      for (var j = 0; j < t1.count; j++) {
        let line = (t0.first + i * t0.step) * params.size.y + t1.first + j * t1.step;
        var at = line * params.size.z + t2.first;
        for (var k = 0; k < t2.count; k++) {
          let value = f32(x[row + u32(at)]);
          // Without branches: no processor can guess where a maximum stands.
          let takes = (chosen < 0) | (value > best) | (is_nan(value) & !is_nan(best));
          best = select(best, value, takes);
          chosen = select(chosen, at, takes);
          at += t2.step;
        }
      }
    }
    y[s.line + u32(q)] = T(best);
    index[s.line + u32(q)] = chosen;
  }
}
