// c = a b + bias
//
// shapes: a [batch, m, k], b [batch, k, n], bias [n] or none, c [batch, m, n]; see include/matmul
// access: a workgroup is one invocation, which computes a block of at most ROWS x COLS of c. For DEPTH
// values of k at a time it packs the block's part of b, so that four columns of it lie one k after the
// other, and then four rows of a after four; each four rows are multiplied with the block's columns, eight
// at a time (include/tile_product). Sums wait in workgroup memory for the next DEPTH. For the CPU executor.
// Every sum runs over k in order.
#include "grid"
#include "strided"
#include "matmul_blocks"
#include "tile_product"
override ROWS: u32 = 32;
override COLS: u32 = 32;
override DEPTH: u32 = 64;
override LOAD_A: u32 = 0; // 0 | 1 | 2
override LOAD_B: u32 = 0; // 0 | 1 | 2
alias T = f32; // f32 | f16
// What c is written in: T, or vec4s of it where n is a multiple of 4.
alias V = f32; // f32 | f16 | vec4f | vec4h
#slot PICK = pick_lane // pick_lane | pick_all
override LANES: u32 = 1; // 1 | 4

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> a4: array<vec4<T>>;
@group(0) @binding(2) var<storage, read> b: array<T>;
@group(0) @binding(3) var<storage, read> b4: array<vec4<T>>;
@group(0) @binding(4) var<storage, read> bias: array<T>;
@group(0) @binding(5) var<storage, read_write> c: array<V>;
@group(0) @binding(6) var<uniform> params: Params;

// One after the other:
//   four rows of a: for each k a vec4; later the bias: for each four columns a vec4
//   the columns of b: for each four columns, for each k, a vec4
//   the sums, in blocks of 4x4: for each four rows, for each four columns, for each row, a vec4
var<workgroup> tile: array<vec4f, DEPTH + DEPTH * COLS / 4u + ROWS * COLS / 4u>;

// Of all columns, in multiples of `unit`, the share of each of `groups`; at most COLS, the host sees to that.
fn share(size: u32, unit: u32, groups: u32) -> u32 {
  let units = (size + unit - 1u) / unit;
  return (units + groups - 1u) / groups * unit;
}

fn pick_lane(x: vec4f, lane: u32) -> f32 { return x[lane]; }
fn pick_all(x: vec4f, lane: u32) -> vec4f { return x; }

// Stores x as element i of c, in the given column of its matrix, both counted in Vs. An epilogue takes the
// place of this function: see src/ops/epilogue.ts.
fn put(i: u32, column: u32, x: V) { c[i] = x; }

// Four elements of a row of c, which is contiguous, or the first `count` of them.
fn put_four(to: u32, column: u32, x: vec4f) {
  let i = to / LANES;
  let j = column / LANES;
  put(i, j, V(PICK(x, 0u)));
  if (LANES == 4u) { return; }
  put(i + 1u, j + 1u, V(PICK(x, 1u)));
  put(i + 2u, j + 2u, V(PICK(x, 2u)));
  put(i + 3u, j + 3u, V(PICK(x, 3u)));
}

fn put_some(to: u32, column: u32, x: vec4f, count: u32) {
  let i = to / LANES;
  let j = column / LANES;
  put(i, j, V(PICK(x, 0u)));
  if (count > 1u) { put(i + 1u, j + 1u, V(PICK(x, 1u))); }
  if (count > 2u) { put(i + 2u, j + 2u, V(PICK(x, 2u))); }
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let group = linear_group(id, groups);
  if (group >= params.groups) { return; }
  let at = product(group / params.groups_product);
  let part = group % params.groups_product;
  let height = share(params.m, 4u, params.groups_product / params.groups_n);
  let width = share(params.n, 8u, params.groups_n);
  let row = part / params.groups_n * height;
  let col = part % params.groups_n * width;
  let rows = min(height, params.m - row);
  let cols = min(width, params.n - col);

  let b_tile = DEPTH;
  let c_tile = b_tile + DEPTH * COLS / 4u;
  for (var start = 0u; start < at.k; start += DEPTH) {
    let depth = min(at.k - start, DEPTH);
    for (var z = 0u; z < cols; z += 4u) {
      for (var k = 0u; k < depth; k += 4u) {
        put_block(b_tile + z / 4u * DEPTH + k, block_b(at.b, at.k, col + z, start + k));
      }
    }
    for (var y = 0u; y < rows; y += 4u) {
      for (var k = 0u; k < depth; k += 4u) { put_block(k, block_a(at.a, at.k, row + y, start + k)); }
      for (var z = 0u; z < cols; z += 8u) {
        multiply(0u, b_tile + z / 4u * DEPTH, DEPTH, c_tile + y / 4u * COLS + z, 4u, depth);
      }
    }
  }

  // A bias of columns, four in each, takes the place of the rows of a.
  let by_row = params.bias_row != 0u;
  for (var z = 0u; z < cols; z += 4u) {
    let count = cols - z;
    var add: vec4f;
    if (params.biased == 1u && !by_row) {
      add.x = bias_at(0u, col + z);
      if (count > 1u) { add.y = bias_at(0u, col + z + 1u); }
      if (count > 2u) { add.z = bias_at(0u, col + z + 2u); }
      if (count > 3u) { add.w = bias_at(0u, col + z + 3u); }
    }
    tile[z / 4u] = add;
  }
  let whole = cols & ~3u;
  for (var y = 0u; y < rows; y++) {
    let sums = c_tile + y / 4u * COLS + y % 4u;
    let to = at.c + (row + y) * params.c_row + col;
    var lift = 0.0;
    if (by_row) { lift = bias_at(row + y, 0u); }
    for (var z = 0u; z < whole; z += 4u) { put_four(to + z, col + z, tile[sums + z] + tile[z / 4u] + lift); }
    if (whole < cols) {
      put_some(to + whole, col + whole, tile[sums + whole] + tile[whole / 4u] + lift, cols - whole);
    }
  }
}
