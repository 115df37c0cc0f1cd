// y = x * w + bias, as one product of matrices per group
//
// shapes: see include/conv; y [image, group, out, pixel], dense
// access: as matmul/packed: a workgroup is one invocation, which computes a block of at most ROWS pixels x
// COLS channels. For DEPTH taps and channels at a time it packs the block's part of w, and then four pixels
// of x after four; each four are multiplied with the block's columns, eight at a time
// (include/tile_product). Where pixels and taps lie in x is worked out once per block and once per DEPTH.
// For the CPU executor. Every sum runs over taps, then channels, in order.
#include "grid"
#include "conv"
#include "tile_product"
override ROWS: u32 = 32;
override COLS: u32 = 32;
override DEPTH: u32 = 64;
// 1: channels are a multiple of four
override VECTOR_X: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16
// What y is written in: T, or vec4s of it where the pixels of an image are a multiple of 4 and neighbours.
alias V = f32; // f32 | f16 | vec4f | vec4h
#slot PICK = pick_lane // pick_lane | pick_all
override LANES: u32 = 1; // 1 | 4

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> x4: array<vec4f>;
@group(0) @binding(2) var<storage, read> w4: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<T>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;
@group(0) @binding(5) var<uniform> params: Params;

// One after the other, as in matmul/packed: four pixels, for each tap and channel a vec4; the channels, for
// each four, for each tap and channel, a vec4; the sums, in blocks of 4x4.
var<workgroup> tile: array<vec4f, DEPTH + DEPTH * COLS / 4u + ROWS * COLS / 4u>;
var<workgroup> pixel_places: array<u32, ROWS>;
var<workgroup> inner_places: array<u32, DEPTH>;

fn share(size: u32, unit: u32, groups: u32) -> u32 {
  let units = (size + unit - 1u) / unit;
  return (units + groups - 1u) / groups * unit;
}

fn pick_lane(v: vec4f, lane: u32) -> f32 { return v[lane]; }
fn pick_all(v: vec4f, lane: u32) -> vec4f { return v; }

// Four pixels times four taps and channels: one column each.
fn block_x(pixel: u32, k: u32, at: u32) -> mat4x4f {
  let p = at + vec4<u32>(
    pixel_places[pixel], pixel_places[pixel + 1u], pixel_places[pixel + 2u], pixel_places[pixel + 3u]);
  if (VECTOR_X == 1u) {
    let q = (p + inner_places[k]) >> vec4<u32>(2u);
    return transpose(mat4x4f(x4[q.x], x4[q.y], x4[q.z], x4[q.w]));
  }
  return mat4x4f(
    pick_x(p + inner_places[k]),
    pick_x(p + inner_places[k + 1u]),
    pick_x(p + inner_places[k + 2u]),
    pick_x(p + inner_places[k + 3u]),
  );
}

fn pick_x(at: vec4<u32>) -> vec4f {
  return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
}

// The pixels `row` to row + 3 of the block, of which `count` exist, of a channel.
fn put(row: u32, to: u32, v: vec4f, count: u32) {
  if (LANES == 4u) {
    y[(pixel_places[row] + to) / 4u] = V(PICK(v, 0u));
    return;
  }
  y[pixel_places[row] + to] = V(PICK(v, 0u));
  if (count > 1u) { y[pixel_places[row + 1u] + to] = V(PICK(v, 1u)); }
  if (count > 2u) { y[pixel_places[row + 2u] + to] = V(PICK(v, 2u)); }
  if (count > 3u) { y[pixel_places[row + 3u] + to] = V(PICK(v, 3u)); }
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = linear_group(id, groups);
  if (index >= params.groups) { return; }
  let group = index / params.groups_product;
  let part = index % params.groups_product;
  let height = share(params.rows, 4u, params.groups_product / params.groups_n);
  let width = share(params.cols, 8u, params.groups_n);
  let row = part / params.groups_n * height;
  let col = part % params.groups_n * width;
  let rows = min(height, params.rows - row);
  let cols = min(width, params.cols - col);
  let x_at = params.x_start + group * params.x_group;
  let w_at = (group * params.w_group + col) / 4u;
  for (var r = 0u; r < rows; r += 4u) {
    for (var i = 0u; i < 4u; i++) { pixel_places[r + i] = row_at(row + r + i); }
  }

  let w_tile = DEPTH;
  let y_tile = w_tile + DEPTH * COLS / 4u;
  for (var start = 0u; start < params.inner; start += DEPTH) {
    let depth = min(params.inner - start, DEPTH);
    for (var k = 0u; k < depth; k += 4u) {
      for (var i = 0u; i < 4u; i++) { inner_places[k + i] = inner_at(start + k + i); }
    }
    for (var z = 0u; z < cols; z += 4u) {
      var from_w = w_at + z / 4u + start * params.w_row / 4u;
      for (var k = 0u; k < depth; k++) {
        tile[w_tile + z / 4u * DEPTH + k] = w4[from_w];
        from_w += params.w_row / 4u;
      }
    }
    for (var r = 0u; r < rows; r += 4u) {
      for (var k = 0u; k < depth; k += 4u) { put_block(k, block_x(r, k, x_at)); }
      for (var z = 0u; z < cols; z += 8u) {
        multiply(0u, w_tile + z / 4u * DEPTH, DEPTH, y_tile + r / 4u * COLS + z, 4u, depth);
      }
    }
  }

  // Of the places in x no more is wanted.
  for (var r = 0u; r < rows; r++) { pixel_places[r] = out_at(row + r); }
  for (var z = 0u; z < cols; z += 4u) {
    for (var j = 0u; j < min(cols - z, 4u); j++) {
      let add = bias_at(group, col + z + j);
      let to = group * params.y_group + (col + z + j) * params.y_out;
      for (var r = 0u; r < rows; r += 4u) {
        let sums = y_tile + r / 4u * COLS + z;
        let v = vec4f(tile[sums][j], tile[sums + 1u][j], tile[sums + 2u][j], tile[sums + 3u][j]);
        put(r, to, v + add, rows - r);
      }
    }
  }
}
