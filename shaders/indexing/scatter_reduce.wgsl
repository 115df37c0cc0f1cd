// y[i] = base[i] COMBINE src[p] over the positions p with index[p] = j, j the coordinate of i along d
//
// The backward pass of gather, indexSelect and embedding, scatterAdd, scatter and scatterReduce. COMBINE
// is a sum, a product, an extremum, or the last of the terms. No atomics: one invocation owns an element
// of y (LANES neighbours, where they share their indices) and combines its terms in a fixed order:
// position by position in runs of 32 terms, then the runs. MATCH is how it finds them:
//   by_scan    looks at every index
//   by_search  reads indices that were sorted (stably) with their positions, from the first that equals j
//   by_list    reads the positions that indexing/positions found, from the end of those before j
// All take the same terms in the same order, so they give the same bits. An index outside 0 to limit - 1
// is reported and left out, and so is the row `skipped` (without a report).
//
// shapes: y's elements walk the shape with strides of their own; index and src have `terms` positions
//         along their steps, and stride 0 along dimensions they do not have
// access: by_scan reads terms indices per invocation; by_search log2(terms) + own terms; by_list own terms
#slot MATCH = by_scan // by_scan | by_search | by_list
#slot COMBINE = combine_add // combine_add | combine_mul | combine_max | combine_min | combine_max_nan | combine_min_nan | combine_last
#include "grid"
#include "strided"
#include "fault"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
override LANES: u32 = 1; // 1 | 4
// 0: there is no base, 1: y holds the base, 2: y stays where no term comes
override BASE: u32 = 0; // 0 | 1 | 2
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
  // what combines with a term to that term, as the bits of C
  start: u32,
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
var<private> found: bool;

fn combine_add(a: vec4<C>, b: vec4<C>) -> vec4<C> { return a + b; }
fn combine_mul(a: vec4<C>, b: vec4<C>) -> vec4<C> { return a * b; }
fn combine_max(a: vec4<C>, b: vec4<C>) -> vec4<C> { return max(a, b); }
fn combine_min(a: vec4<C>, b: vec4<C>) -> vec4<C> { return min(a, b); }
fn combine_last(_a: vec4<C>, b: vec4<C>) -> vec4<C> { return b; }

fn either_nan(a: vec4<C>, b: vec4<C>) -> vec4<bool> {
  let magnitude = vec4<u32>(0x7fffffffu);
  let infinite = vec4<u32>(0x7f800000u);
  return ((bitcast<vec4<u32>>(a) & magnitude) > infinite) | ((bitcast<vec4<u32>>(b) & magnitude) > infinite);
}
fn combine_max_nan(a: vec4<C>, b: vec4<C>) -> vec4<C> { return select(max(a, b), a + b, either_nan(a, b)); }
fn combine_min_nan(a: vec4<C>, b: vec4<C>) -> vec4<C> { return select(min(a, b), a + b, either_nan(a, b)); }

fn close_run() {
  total = COMBINE(total, run);
  run = vec4<C>(bitcast<C>(params.start));
  in_run = 0u;
  found = true;
}

fn add_term(from_src: u32) {
  var term = vec4<C>(C(src[from_src]));
  if (LANES == 4u) {
    let lane = dim_of(params.src_strides, RANK - 1u);
    term = vec4<C>(term.x, C(src[from_src + lane]), C(src[from_src + 2u * lane]), C(src[from_src + 3u * lane]));
  }
  run = COMBINE(run, term);
  in_run++;
  if (in_run == RUN) { close_run(); }
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

fn by_list(j: u32, at: u32, from_src: u32) {
  var first = 0u;
  if (j > 0u) { first = index[at + j - 1u]; }
  let end = index[at + j];
  for (var p = first; p < end; p++) {
    add_term(from_src + order[at + params.limit + p] * params.src_step);
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
  total = vec4<C>(bitcast<C>(params.start));
  run = total;
  if (j != params.skipped) {
    MATCH(j, at, from_src);
    if (in_run > 0u) { close_run(); }
  }
  let lane = dim_of(params.y_strides, RANK - 1u);
  for (var l = 0u; l < LANES; l++) {
    let out = to_y + l * lane;
    if (BASE == 1u) {
      y[out] = T(COMBINE(vec4<C>(C(y[out])), total)[l]);
    } else if (BASE == 0u || found) {
      y[out] = T(total[l]);
    }
  }
}
