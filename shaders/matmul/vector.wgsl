// c = a b + bias
//
// shapes: a [batch, m, k], b [batch, k, n], bias [m, n] or none, c [batch, m, n]; see include/matmul
// access: LANES invocations per element of c, each over every LANES-th k; neighbouring elements of c lie along
// n. For products too small or too thin for tiles: LANES 1 where there are many elements, LANES 64 where
// there are few and k is long (dot products, matrix times vector). Partial sums are added in a fixed order.
#include "grid"
#include "strided"
#include "matmul"
override LANES: u32 = 1; // 1 | 64
alias T = f32; // f32 | f16
alias V = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> b: array<T>;
@group(0) @binding(2) var<storage, read> bias: array<T>;
@group(0) @binding(3) var<storage, read_write> c: array<V>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> partial: array<f32, 64>;

// Stores x as element i of c, in the given column of its matrix. An epilogue takes the place of this function:
// see src/ops/epilogue.ts.
fn put(i: u32, column: u32, x: V) { c[i] = x; }

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = linear_group(id, groups);
  if (group >= params.groups) { return; }
  let at = product(group / params.groups_product);
  let item = (group % params.groups_product) * (64u / LANES) + lane / LANES;
  let inside = item < params.m * params.n;
  let row = item / params.n;
  let col = item % params.n;
  let a_at = at.a + row * params.a_row;
  let b_at = at.b + col * params.b_col;
  var sum = 0.0;
  if (inside) {
    for (var k = lane % LANES; k < at.k; k += LANES) {
      sum += f32(a[a_at + k * params.a_col]) * f32(b[b_at + k * params.b_row]);
    }
  }
  if (LANES > 1u) {
    partial[lane] = sum;
    workgroupBarrier();
    if (lane < 8u) {
      for (var i = 1u; i < 8u; i++) { sum += partial[lane + i * 8u]; }
    }
    workgroupBarrier();
    if (lane < 8u) { partial[lane] = sum; }
    workgroupBarrier();
    if (lane == 0u) {
      for (var i = 1u; i < 8u; i++) { sum += partial[i]; }
    }
  }
  if (inside && lane % LANES == 0u) {
    put(at.c + row * params.c_row + col * params.c_col, col, V(sum + bias_at(row, col)));
  }
}
