// v[group, i, j, channel, tile] = (B^T d B)[i, j], where d is the 4x4 elements of x that a tile of pixels sees
//
//       1  0 -1  0
// B^T = 0  1  1  0
//       0 -1  1  0
//       0  1  0 -1
//
// shapes: x any strides; v dense, its tiles in multiples of 4; see include/winograd
// access: an invocation transforms four neighbouring tiles of one channel
#include "grid"
#include "winograd"
alias T = f32; // f32 | f16

struct Params {
  count: u32,
  channels: u32,
  images: u32,
  // Tiles by column and by row of an image, and fours of them in all.
  down: u32,
  across: u32,
  quads: u32,
  size_1: u32,
  size_2: u32,
  low_1: u32,
  low_2: u32,
  offset: u32,
  x_image: u32,
  x_group: u32,
  x_channel: u32,
  x_1: u32,
  x_2: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(at: u32, inside: bool) -> f32 {
  return select(0.0, f32(x[select(0u, at, inside)]), inside);
}

// One element of each tile, which lies at (row, column) of its image.
fn load_four(base: vec4<u32>, row: vec4<u32>, column: vec4<u32>, exists: vec4<bool>) -> vec4f {
  let inside = exists & (row < vec4<u32>(params.size_1)) & (column < vec4<u32>(params.size_2));
  let at = base + row * params.x_1 + column * params.x_2;
  return vec4f(
    load(at.x, inside.x), load(at.y, inside.y), load(at.z, inside.z), load(at.w, inside.w));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let quad = item % params.quads;
  let channel = item / params.quads % params.channels;
  let group = item / params.quads / params.channels;
  let tiles = tiles_at(quad * 4u, params.down, params.across);
  let exists = tiles.image < vec4<u32>(params.images);
  let base = params.offset + group * params.x_group + channel * params.x_channel
    + tiles.image * params.x_image;
  let row = tiles.row - params.low_1;
  let column = tiles.column - params.low_2;

  // Along the columns of x, one after the other; then along the rows.
  var lines: array<vec4f, 16>;
  for (var j = 0u; j < 4u; j++) {
    let d0 = load_four(base, row, column + j, exists);
    let d1 = load_four(base, row + 1u, column + j, exists);
    let d2 = load_four(base, row + 2u, column + j, exists);
    let d3 = load_four(base, row + 3u, column + j, exists);
    lines[j] = d0 - d2;
    lines[4u + j] = d1 + d2;
    lines[8u + j] = d2 - d1;
    lines[12u + j] = d1 - d3;
  }
  let plane = params.channels * params.quads;
  var to = (group * 16u * params.channels + channel) * params.quads + quad;
  for (var i = 0u; i < 16u; i += 4u) {
    v[to] = lines[i] - lines[i + 2u];
    v[to + plane] = lines[i + 1u] + lines[i + 2u];
    v[to + 2u * plane] = lines[i + 2u] - lines[i + 1u];
    v[to + 3u * plane] = lines[i + 1u] - lines[i + 3u];
    to += 4u * plane;
  }
}
