// y[row, s] = g[row, q] at s = index[row, q], else 0, where the windows are tiles: each element lies in one
//
// shapes: g and index [rows, pixels], y [rows, size], all dense; size = pixels * window in each dimension
// access: an invocation has SEGMENT neighbouring windows along the last dimension, one after the other
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
  let s = segment_at(item, SEGMENT, params.pixels);
  let row = s.row * params.size_row;
  let window = params.window;
  let first = s.place.xy * window.xy;
  for (var q = s.place.z; q < s.end; q++) {
    let chosen = index[s.line + u32(q)];
    let value = g[s.line + u32(q)];
    for (var i = first.x; i < first.x + window.x; i++) {
      for (var j = first.y; j < first.y + window.y; j++) {
        let at = (i * params.size.y + j) * params.size.z + q * window.z;
        for (var k = at; k < at + window.z; k++) {
          y[row + u32(k)] = select(T(0.0), value, k == chosen);
        }
      }
    }
  }
}
