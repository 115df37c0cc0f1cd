// c = a b + bias
//
// shapes: a [batch, m, k], b [batch, k, n], bias [m, n] or none, c [batch, m, n]; see include/matmul
// access: an invocation keeps 16 rows x 8 columns of c; all invocations of a workgroup have the same rows.
// Each invocation of a subgroup loads one of `size` neighbouring columns of a's 16 rows, and they hand
// them round with shuffles, so a's loads are shared by the whole subgroup. No workgroup memory, no
// barriers: made for drivers that run a subgroup as one SIMD thread of a CPU, where a load costs as much as
// twenty multiply-adds and a shuffle as much as one. Every sum runs over k in order.
enable subgroups;
#include "grid"
#include "strided"
#include "matmul_store_block"
override WG: u32 = 8; // 8 | 16 | 32 | 64
override VECTOR_B: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16
// What c is written in: T, or vec4s of it where n, or m of the transposed product, is a multiple of 4.
alias V = f32; // f32 | f16 | vec4f | vec4h
#slot PICK = pick_lane // pick_lane | pick_all
override LANES: u32 = 1; // 1 | 4

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> b: array<T>;
// The same memory, for vec4 loads along n: b_col is 1, and offset, b_row and batch strides are whole vec4s.
@group(0) @binding(2) var<storage, read> b4: array<vec4<T>>;
@group(0) @binding(3) var<storage, read> bias: array<T>;
@group(0) @binding(4) var<storage, read_write> c: array<V>;
@group(0) @binding(5) var<uniform> params: Params;

fn load_a(at: vec4<u32>) -> vec4f {
  return vec4f(vec4<T>(a[at.x], a[at.y], a[at.z], a[at.w]));
}

fn load_b(at: vec4<u32>) -> vec4f {
  if (VECTOR_B == 1u) { return vec4f(b4[at.x >> 2u]); }
  return vec4f(vec4<T>(b[at.x], b[at.y], b[at.z], b[at.w]));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) sublane: u32,
  @builtin(subgroup_size) subgroup_size: u32,
) {
  let group = linear_group(id, groups);
  if (group >= params.groups) { return; }
  let at = product(group / params.groups_product);
  let tile = group % params.groups_product;
  let row = (tile / params.groups_n) * 16u;
  let col = ((tile % params.groups_n) * WG + lane) * 8u;

  // Rows and columns outside the matrix repeat its last one; they are not stored.
  let quad = vec4<u32>(0u, 1u, 2u, 3u);
  let last = vec4<u32>(params.m - 1u);
  let a0 = at.a + min(row + quad, last) * params.a_row;
  let a1 = at.a + min(row + 4u + quad, last) * params.a_row;
  let a2 = at.a + min(row + 8u + quad, last) * params.a_row;
  let a3 = at.a + min(row + 12u + quad, last) * params.a_row;
  let end = vec4<u32>(params.n - 1u);
  let b0 = at.b + min(col + quad, end) * params.b_col;
  let b1 = at.b + min(col + 4u + quad, end) * params.b_col;

  let k = at.k;
  let width = min(subgroup_size, WG);
  var x: array<mat4x4f, 8>;
  for (var first = 0u; first < k; first += width) {
    let ka = min(first + sublane, k - 1u) * params.a_col;
    let u0 = load_a(a0 + ka);
    let u1 = load_a(a1 + ka);
    let u2 = load_a(a2 + ka);
    let u3 = load_a(a3 + ka);
    let count = min(width, k - first);
    for (var i = 0u; i < count; i++) {
      let kb = (first + i) * params.b_row;
      let v0 = load_b(b0 + kb);
      let v1 = load_b(b1 + kb);
      let w0 = subgroupShuffle(u0, i);
      x[0] += outer(w0, v0);
      x[1] += outer(w0, v1);
      let w1 = subgroupShuffle(u1, i);
      x[2] += outer(w1, v0);
      x[3] += outer(w1, v1);
      let w2 = subgroupShuffle(u2, i);
      x[4] += outer(w2, v0);
      x[5] += outer(w2, v1);
      let w3 = subgroupShuffle(u3, i);
      x[6] += outer(w3, v0);
      x[7] += outer(w3, v1);
    }
  }
  // One loop instead of 128 stores: LLVM compiles it ten times faster.
  for (var i = 0u; i < 8u; i++) {
    store_block(at.c, row + (i >> 1u) * 4u, col + (i & 1u) * 4u, x[i]);
  }
}
