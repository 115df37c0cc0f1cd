// c = a b + bias
//
// shapes: a [batch, m, k], b [batch, k, n], bias [n] or none, c [batch, m, n]; see include/matmul
// access: a workgroup is one invocation, which computes a block of at most ROWS x COLS of c. For DEPTH
// values of k at a time it packs the block's part of b, so that four columns of it lie one k after the
// other, and then four rows of a after four; each four rows are multiplied with the block's columns, eight
// at a time. Sums wait in workgroup memory for the next DEPTH. For compilers that turn a vec4 into a SIMD
// register: 4 x 8 sums, two vec4s of b and one element of a fill 11 of the 16 that x86 has. The loop over k
// is not unrolled: a compiler that moves all loads of an iteration to its start runs out of them. Every sum
// runs over k in order.
#include "grid"
#include "strided"
#include "matmul_blocks"
override ROWS: u32 = 32;
override COLS: u32 = 32;
override DEPTH: u32 = 64;
override LOAD_A: u32 = 0; // 0 | 1 | 2
override LOAD_B: u32 = 0; // 0 | 1 | 2
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> a4: array<vec4<T>>;
@group(0) @binding(2) var<storage, read> b: array<T>;
@group(0) @binding(3) var<storage, read> b4: array<vec4<T>>;
@group(0) @binding(4) var<storage, read> bias: array<T>;
@group(0) @binding(5) var<storage, read_write> c: array<T>;
@group(0) @binding(6) var<uniform> params: Params;

// Four rows of one k in each.
var<workgroup> tile_a: array<vec4f, DEPTH>;
// Four columns of one k in each; those of the next k follow.
var<workgroup> tile_b: array<vec4f, DEPTH * COLS / 4u>;
// Blocks of 4x4: four columns of one row in each, then the next row.
var<workgroup> tile_c: array<vec4f, ROWS * COLS / 4u>;

// Of all columns, in multiples of `unit`, the share of each of `groups`; at most COLS, the host sees to that.
fn share(size: u32, unit: u32, groups: u32) -> u32 {
  let units = (size + unit - 1u) / unit;
  return (units + groups - 1u) / groups * unit;
}

// Adds the product of the four rows in tile_a and eight columns, `depth` values of k, to two blocks.
fn multiply(b_at: u32, c_at: u32, depth: u32) {
  var c00 = tile_c[c_at];
  var c10 = tile_c[c_at + 1u];
  var c20 = tile_c[c_at + 2u];
  var c30 = tile_c[c_at + 3u];
  var c01 = tile_c[c_at + 4u];
  var c11 = tile_c[c_at + 5u];
  var c21 = tile_c[c_at + 6u];
  var c31 = tile_c[c_at + 7u];
  for (var k = 0u; k < depth; k++) {
    let b0 = tile_b[b_at + k];
    let b1 = tile_b[b_at + DEPTH + k];
    let a0 = vec4f(tile_a[k].x);
    c00 += a0 * b0;
    c01 += a0 * b1;
    let a1 = vec4f(tile_a[k].y);
    c10 += a1 * b0;
    c11 += a1 * b1;
    let a2 = vec4f(tile_a[k].z);
    c20 += a2 * b0;
    c21 += a2 * b1;
    let a3 = vec4f(tile_a[k].w);
    c30 += a3 * b0;
    c31 += a3 * b1;
  }
  tile_c[c_at] = c00;
  tile_c[c_at + 1u] = c10;
  tile_c[c_at + 2u] = c20;
  tile_c[c_at + 3u] = c30;
  tile_c[c_at + 4u] = c01;
  tile_c[c_at + 5u] = c11;
  tile_c[c_at + 6u] = c21;
  tile_c[c_at + 7u] = c31;
}

// Four elements of one row, as far as they lie inside the matrix.
fn store_row(to: u32, count: u32, x: vec4f) {
  c[to] = T(x.x);
  if (count > 1u) { c[to + params.c_col] = T(x.y); }
  if (count > 2u) { c[to + 2u * params.c_col] = T(x.z); }
  if (count > 3u) { c[to + 3u * params.c_col] = T(x.w); }
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let group = linear_group(id, groups);
  if (group >= params.groups) { return; }
  let at = product(group / params.groups_product);
  let tile = group % params.groups_product;
  let height = share(params.m, 4u, params.groups_product / params.groups_n);
  let width = share(params.n, 8u, params.groups_n);
  let row = tile / params.groups_n * height;
  let col = tile % params.groups_n * width;
  let rows = min(height, params.m - row);
  let cols = min(width, params.n - col);

  for (var start = 0u; start < params.k; start += DEPTH) {
    let depth = min(params.k - start, DEPTH);
    for (var z = 0u; z < cols; z += 4u) {
      for (var k = 0u; k < depth; k += 4u) {
        let y = block_b(at.b, col + z, start + k);
        let to = z / 4u * DEPTH + k;
        tile_b[to] = y[0];
        tile_b[to + 1u] = y[1];
        tile_b[to + 2u] = y[2];
        tile_b[to + 3u] = y[3];
      }
    }
    for (var y = 0u; y < rows; y += 4u) {
      for (var k = 0u; k < depth; k += 4u) {
        let x = block_a(at.a, row + y, start + k);
        tile_a[k] = x[0];
        tile_a[k + 1u] = x[1];
        tile_a[k + 2u] = x[2];
        tile_a[k + 3u] = x[3];
      }
      for (var z = 0u; z < cols; z += 8u) {
        multiply(z / 4u * DEPTH, y / 4u * COLS + z, depth);
      }
    }
  }

  for (var y = 0u; y < rows; y += 4u) {
    for (var z = 0u; z < cols; z += 4u) {
      let count = cols - z;
      var add: vec4f;
      if (params.biased == 1u) {
        add.x = bias_at(0u, col + z);
        if (count > 1u) { add.y = bias_at(0u, col + z + 1u); }
        if (count > 2u) { add.z = bias_at(0u, col + z + 2u); }
        if (count > 3u) { add.w = bias_at(0u, col + z + 3u); }
      }
      let lines = min(rows - y, 4u);
      let to = at.c + (row + y) * params.c_row + (col + z) * params.c_col;
      for (var i = 0u; i < lines; i++) {
        let x = tile_c[y / 4u * COLS + z + i] + add;
        store_row(to + i * params.c_row, count, x);
      }
    }
  }
}
