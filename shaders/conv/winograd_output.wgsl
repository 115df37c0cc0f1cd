// y[image, group, out, pixel] = (A^T m A)[pixel of the tile] + bias, from m[group, i, j, out, tile]
//
// A^T = 1  1  1  0
//       0  1 -1 -1
//
// shapes: m dense, its tiles in multiples of 4; y dense; see include/winograd
// access: an invocation computes four neighbouring tiles of one channel
#include "grid"
#include "winograd"
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  outs: u32,
  images: u32,
  groups: u32,
  // Tiles by column and by row of an image, and fours of them in all.
  down: u32,
  across: u32,
  quads: u32,
  pixels_1: u32,
  pixels_2: u32,
  // 1: add the bias. 0: there is none, and some other operand stands in its binding.
  biased: u32,
  bias_group: u32,
  bias_col: u32,
  bias_offset: u32,
}

@group(0) @binding(0) var<storage, read> m: array<vec4f>;
@group(0) @binding(1) var<storage, read> bias: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let quad = item % params.quads;
  let out = item / params.quads % params.outs;
  let group = item / params.quads / params.outs;
  let tiles = tiles_at(quad * 4u, params.down, params.across);

  var top: array<vec4f, 4>;
  var bottom: array<vec4f, 4>;
  let plane = params.outs * params.quads;
  let at = (group * 16u * params.outs + out) * params.quads + quad;
  for (var j = 0u; j < 4u; j++) {
    let m1 = m[at + (4u + j) * plane];
    let m2 = m[at + (8u + j) * plane];
    top[j] = m[at + j * plane] + m1 + m2;
    bottom[j] = m1 - m2 - m[at + (12u + j) * plane];
  }
  var add = vec4f(0.0);
  if (params.biased == 1u) {
    add = vec4f(f32(
      bias[params.bias_offset + group * params.bias_group + out * params.bias_col]));
  }
  let y00 = top[0] + top[1] + top[2] + add;
  let y01 = top[1] - top[2] - top[3] + add;
  let y10 = bottom[0] + bottom[1] + bottom[2] + add;
  let y11 = bottom[1] - bottom[2] - bottom[3] + add;
  for (var lane = 0u; lane < 4u; lane++) {
    if (tiles.image[lane] >= params.images) { continue; }
    let plane_at = (tiles.image[lane] * params.groups + group) * params.outs + out;
    let row = tiles.row[lane];
    let to = (plane_at * params.pixels_1 + row) * params.pixels_2 + tiles.column[lane];
    let right = tiles.column[lane] + 1u < params.pixels_2;
    y[to] = T(y00[lane]);
    if (right) { y[to + 1u] = T(y01[lane]); }
    if (row + 1u < params.pixels_1) {
      y[to + params.pixels_2] = T(y10[lane]);
      if (right) { y[to + params.pixels_2 + 1u] = T(y11[lane]); }
    }
  }
}
