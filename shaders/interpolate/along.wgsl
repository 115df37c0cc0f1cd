// y[o, q, i] = sum over j of weight_j x[o, column_j, i]: a sparse matrix times x, along one dimension
//
// The matrix comes in compressed rows: `table` holds pixels + 1 numbers, where row q's entries begin, then
// the column of each entry, then the weight of each as the bits of an f32.
//
// shapes: x [outer, size, inner], y [outer, pixels, inner], both dense
// access: LANES neighbours along inner per invocation; the sum runs over the row in order
#include "grid"
override LANES: u32 = 1; // 1 | 4
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  size: u32,
  pixels: u32,
  inner: u32,
  entries: u32,
  table_offset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let across = params.inner / LANES;
  let line = item / across;
  let q = line % params.pixels;
  let base = line / params.pixels * params.size * params.inner + item % across * LANES;
  let rows = params.table_offset + q;
  let columns = params.table_offset + params.pixels + 1u;
  let end = u32(table[rows + 1u]);
  var sum: vec4f;
  for (var j = u32(table[rows]); j < end; j++) {
    let at = base + u32(table[columns + j]) * params.inner;
    let weight = bitcast<f32>(table[columns + params.entries + j]);
    if (LANES == 4u) {
      sum += weight * vec4f(vec4<T>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]));
    } else {
      sum.x += weight * f32(x[at]);
    }
  }
  let to = item * LANES;
  y[to] = T(sum.x);
  if (LANES == 4u) {
    y[to + 1u] = T(sum.y);
    y[to + 2u] = T(sum.z);
    y[to + 3u] = T(sum.w);
  }
}
