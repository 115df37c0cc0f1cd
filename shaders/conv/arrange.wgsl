// y[a, b, s, v] = x[a, b, (s - low) / dilation, v], 0 where that is no element
//
// Brings an operand of a convolution into the order in which conv/packed and conv/register read it: the
// dimension v last and padded with zeros, gaps between and around the elements of s filled with zeros.
//
// shapes: x any strides (negative ones wrap around); y dense, in f32
// access: an invocation writes LANES neighbours of v for up to 64 neighbours of the last dimension of s
#include "grid"
override LANES: u32 = 4; // 1 | 4
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  // Sizes of y; those of a and s_0 are not needed.
  size_b: u32,
  size_1: u32,
  size_2: u32,
  size_v: u32,
  segments: u32,
  // Sizes of x along s and v.
  from_0: u32,
  from_1: u32,
  from_2: u32,
  from_v: u32,
  size_0: u32,
  low_0: u32,
  low_1: u32,
  low_2: u32,
  dilation_0: u32,
  dilation_1: u32,
  dilation_2: u32,
  stride_a: u32,
  stride_b: u32,
  stride_0: u32,
  stride_1: u32,
  stride_2: u32,
  stride_v: u32,
  offset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

const segment = 64u;
const none = 0xffffffffu;

// The element of x that stands at position s of y, or none.
fn source(s: u32, low: u32, dilation: u32, size: u32) -> u32 {
  let t = s - low;
  // Divisions are slow, and most operands have no gaps.
  if (dilation == 1u) { return select(none, t, t < size); }
  let i = t / dilation;
  return select(none, i, i < size && t == i * dilation);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let quads = params.size_v / LANES;
  var rest = item;
  let v = rest % quads * LANES;
  rest /= quads;
  let start = rest % params.segments * segment;
  rest /= params.segments;
  let line = rest;
  let i1 = source(rest % params.size_1, params.low_1, params.dilation_1, params.from_1);
  rest /= params.size_1;
  let i0 = source(rest % params.size_0, params.low_0, params.dilation_0, params.from_0);
  rest /= params.size_0;
  let base = params.offset + rest / params.size_b * params.stride_a
    + rest % params.size_b * params.stride_b
    + i0 * params.stride_0 + i1 * params.stride_1 + v * params.stride_v;
  let empty = i0 == none || i1 == none;
  let lanes = min(LANES, max(params.from_v, v) - v);
  let end = min(start + segment, params.size_2);
  var to = (line * params.size_2 + start) * params.size_v + v;
  for (var s = start; s < end; s++) {
    let i2 = source(s, params.low_2, params.dilation_2, params.from_2);
    let at = base + i2 * params.stride_2;
    if (empty || i2 == none) {
      for (var lane = 0u; lane < LANES; lane++) { y[to + lane] = 0.0; }
    } else if (LANES == 1u) {
      y[to] = f32(x[at]);
    } else if (lanes == 4u) {
      y[to] = f32(x[at]);
      y[to + 1u] = f32(x[at + params.stride_v]);
      y[to + 2u] = f32(x[at + 2u * params.stride_v]);
      y[to + 3u] = f32(x[at + 3u * params.stride_v]);
    } else {
      for (var lane = 0u; lane < LANES; lane++) {
        if (lane < lanes) {
          y[to + lane] = f32(x[at + lane * params.stride_v]);
        } else {
          y[to + lane] = 0.0;
        }
      }
    }
    to += params.size_v;
  }
}
