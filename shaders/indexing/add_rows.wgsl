// y[j, :] = y[j, :] or 0, + the sum of src[p, :] over the positions p that are listed for j
//
// What shaders/indexing/scatter_reduce does with by_list and combine_add, to the bit, where all columns of
// a row share its list and lie in whole vec4s: the way back from an embedding. Terms are added position by
// position in runs of 32, then the runs. The row `skipped` gets nothing.
//
// shapes: y [count / quads, 4 quads], src [.., 4 quads], rows y_row and src_row vec4s apart; found as
//         shaders/indexing/positions wrote it, for one list of indices below limit
// access: one vec4 of y per invocation; the loads of src are coalesced
#include "grid"
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32
// whether y holds what the sums are added to
override ONTO: u32 = 0; // 0 | 1

struct Params {
  count: u32,
  quads: u32,
  limit: u32,
  skipped: u32,
  y_row: u32,
  y_offset: u32,
  src_row: u32,
  src_offset: u32,
}

@group(0) @binding(0) var<storage, read> found: array<u32>;
@group(0) @binding(1) var<storage, read> src: array<vec4<T>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<T>>;
@group(0) @binding(3) var<uniform> params: Params;

const RUN = 32u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let j = item / params.quads;
  let quad = item - j * params.quads;
  let own = params.src_offset + quad;
  var total = vec4<C>();
  var p = 0u;
  if (j > 0u) { p = found[j - 1u]; }
  var end = found[j];
  if (j == params.skipped) { end = p; }
  while (p < end) {
    let stop = min(p + RUN, end);
    var run = vec4<C>();
    for (; p < stop; p++) {
      run += vec4<C>(src[own + found[params.limit + p] * params.src_row]);
    }
    total += run;
  }
  let out = params.y_offset + j * params.y_row + quad;
  if (ONTO == 1u) { total = vec4<C>(y[out]) + total; }
  y[out] = vec4<T>(total);
}
