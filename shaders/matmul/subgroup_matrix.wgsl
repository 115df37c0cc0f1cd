// c = a b + bias
//
// shapes: a [batch, m, k], b [batch, k, n], bias [m, n] or none, c [batch, m, n]; see include/matmul
// access: a workgroup of four subgroups computes 64 x 64 of c, each subgroup a quarter of 32 x 32 as matrices of
// SIZE_M x SIZE_N that its hardware multiplies. Tiles of a and b, 16 k deep, and in the end each quarter go through
// workgroup memory, so that edges, strides, biases and epilogues cost the multiplication nothing. For GPUs with
// matrix units.
enable subgroups;
enable chromium_experimental_subgroup_matrix;
// Which quarter is a subgroup's, the compiler cannot see from the number of an invocation.
diagnostic(off, chromium.subgroup_matrix_uniformity);
#include "grid"
#include "strided"
#include "matmul_blocks"
#include "matmul_store_block"
#include "subgroup_matrix"
// Four times the size of a subgroup.
override WG: u32 = 128; // 32 | 64 | 128 | 256
const SIZE_M = 8u; // 8 | 16
const SIZE_N = 8u; // 8 | 16
const SIZE_K = 8u; // 8 | 16
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

const SIDE = 64u;
const DEPTH = 16u;
const DOWN = 32u / SIZE_M;
const ACROSS = 32u / SIZE_N;

// Rows of SIDE lines of a, DEPTH wide; of DEPTH lines of b, SIDE wide; of the sums of the upper
// quarters, then of the lower ones, SIZE_M lines of each.
var<workgroup> tile_a: array<T, SIDE * DEPTH>;
var<workgroup> tile_b: array<T, DEPTH * SIDE>;
var<workgroup> tile_c: array<f32, 2u * SIZE_M * SIDE>;

// What lies beyond the last k counts as zero: its product is added like any other.
fn inside(x: vec4f, k: u32, size: u32) -> vec4<T> {
  return vec4<T>(select(vec4f(0.0), x, k < size));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = linear_group(id, groups);
  if (group >= params.groups) { return; }
  let at = product(group / params.groups_product);
  let tile = group % params.groups_product;
  let row = (tile / params.groups_n) * SIDE;
  let col = (tile % params.groups_n) * SIDE;
  let quarter = lane / (WG / 4u);
  let down = (quarter / 2u) * 32u;
  let across = (quarter % 2u) * 32u;

  var x: array<Sums, DOWN * ACROSS>;
  for (var k = 0u; k < at.k; k += DEPTH) {
    workgroupBarrier();
    for (var i = lane; i < SIDE * DEPTH / 16u; i += WG) {
      let line = i / (DEPTH / 4u) * 4u;
      let step = i % (DEPTH / 4u) * 4u;
      let y = block_a(at.a, at.k, row + line, k + step);
      let z = block_b(at.b, at.k, col + line, k + step);
      for (var q = 0u; q < 4u; q++) {
        let u = inside(y[q], k + step + q, at.k);
        let v = inside(z[q], k + step + q, at.k);
        for (var p = 0u; p < 4u; p++) {
          tile_a[(line + p) * DEPTH + step + q] = u[p];
          tile_b[(step + q) * SIDE + line + p] = v[p];
        }
      }
    }
    workgroupBarrier();
    for (var step = 0u; step < DEPTH; step += SIZE_K) {
      for (var j = 0u; j < ACROSS; j++) {
        let right = load_right(step * SIDE + across + j * SIZE_N, SIDE);
        for (var i = 0u; i < DOWN; i++) {
          let left = load_left((down + i * SIZE_M) * DEPTH + step, DEPTH);
          x[i * ACROSS + j] = multiply_add(left, right, x[i * ACROSS + j]);
        }
      }
    }
  }

  // A strip of each quarter at a time.
  for (var strip = 0u; strip < DOWN; strip++) {
    workgroupBarrier();
    for (var j = 0u; j < ACROSS; j++) {
      store_sums(quarter / 2u * SIZE_M * SIDE + across + j * SIZE_N, x[strip * ACROSS + j], SIDE);
    }
    workgroupBarrier();
    for (var i = lane; i < SIZE_M * SIDE / 8u; i += WG) {
      let y = i / (SIDE / 4u) * 4u;
      let z = i % (SIDE / 4u) * 4u;
      var part: mat4x4f;
      for (var j = 0u; j < 4u; j++) {
        let first = y * SIDE + z + j;
        part[j] = vec4f(tile_c[first], tile_c[first + SIDE], tile_c[first + 2u * SIDE], tile_c[first + 3u * SIDE]);
      }
      store_block(at.c, row + y / SIZE_M * 32u + strip * SIZE_M + y % SIZE_M, col + z, part);
    }
  }
}
