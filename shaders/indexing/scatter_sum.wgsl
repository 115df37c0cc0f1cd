// y[i] = base[i] + sum of src[p] over the positions p with index[p] = j, j the coordinate of i along d
//
// The backward pass of gather, indexSelect and embedding, and scatterAdd itself. No atomics: one
// invocation owns an element of y (LANES neighbours, where they share their indices) and adds its terms
// in a fixed order: position by position in runs of 32 terms, then the runs. MATCH is how it finds them:
//   by_scan    looks at every index
//   by_search  reads indices that were sorted (stably) with their positions, from the first that equals j
// Both add the same terms in the same order, so they give the same bits. An index outside 0 to limit - 1
// is reported and left out, and so is the row `skipped` (without a report).
//
// shapes: y's elements walk the shape with strides of their own; index and src have `terms` positions
//         along their steps, and stride 0 along dimensions they do not have
// access: by_scan reads terms indices per invocation; by_search log2(terms) + own terms
#slot MATCH = by_scan // by_scan | by_search
#include "grid"
#include "strided"
#include "fault"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
override LANES: u32 = 1; // 1 | 4
// 1: y holds the base, 0: the base is zero
override ADD: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32

struct Params {
  shape: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  index_strides: array<vec4<u32>, 2>,
  src_strides: array<vec4<u32>, 2>,
  j_strides: array<vec4<u32>, 2>,
  count: u32,
  y_offset: u32,
  index_offset: u32,
  src_offset: u32,
  terms: u32,
  index_step: u32,
  src_step: u32,
  limit: u32,
  skipped: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> index: array<u32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> src: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(5) var<uniform> params: Params;

const RUN = 32u;

var<private> total: vec4<C>;
var<private> run: vec4<C>;
var<private> in_run: u32;

fn add_term(from_src: u32) {
  if (LANES == 4u) {
    let lane = dim_of(params.src_strides, RANK - 1u);
    run += vec4<C>(C(src[from_src]), C(src[from_src + lane]), C(src[from_src + 2u * lane]), C(src[from_src + 3u * lane]));
  } else {
    run.x += C(src[from_src]);
  }
  in_run++;
  if (in_run == RUN) {
    total += run;
    run = vec4<C>();
    in_run = 0u;
  }
}

fn by_scan(j: u32, at: u32, from_src: u32) {
  for (var p = 0u; p < params.terms; p++) {
    let chosen = index[at + p * params.index_step];
    if (chosen == j) { add_term(from_src + p * params.src_step); }
    if (j == 0u && chosen >= params.limit) {
      report_fault(params.site, bitcast<i32>(chosen), params.limit);
    }
  }
}

fn by_search(j: u32, at: u32, from_src: u32) {
  if (j == 0u && params.terms > 0u) {
    let last = index[at + params.terms - 1u];
    if (last >= params.limit) { report_fault(params.site, bitcast<i32>(last), params.limit); }
  }
  var low = 0u;
  var high = params.terms;
  while (low < high) {
    let middle = (low + high) >> 1u;
    if (index[at + middle] < j) { low = middle + 1u; } else { high = middle; }
  }
  for (var p = low; p < params.terms && index[at + p] == j; p++) {
    add_term(from_src + order[at + p] * params.src_step);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item * LANES;
  var to_y = params.y_offset;
  var at = params.index_offset;
  var from_src = params.src_offset;
  var j = 0u;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let i = rest % size;
    rest /= size;
    to_y += i * dim_of(params.y_strides, d - 1u);
    at += i * dim_of(params.index_strides, d - 1u);
    from_src += i * dim_of(params.src_strides, d - 1u);
    j += i * dim_of(params.j_strides, d - 1u);
  }
  if (j != params.skipped) {
    MATCH(j, at, from_src);
    total += run;
  }
  let lane = dim_of(params.y_strides, RANK - 1u);
  for (var l = 0u; l < LANES; l++) {
    let out = to_y + l * lane;
    if (ADD == 1u) { y[out] = T(C(y[out]) + total[l]); } else { y[out] = T(total[l]); }
  }
}
