// c = a b + bias
//
// shapes: a [batch, m, k], b [batch, k, n], bias [m, n] or none, c [batch, m, n]; see include/matmul
// access: an invocation keeps ROWS x 4 of c and reads its operands where they are needed, four k at a time, as
// vec4s along whichever direction is contiguous: for products with few rows, which read each element of b too
// seldom to pack or share it. TEAM invocations share the k of one block; neighbours read along k where b is
// contiguous there, else along n. Sums of a team are added in a fixed order.
#include "grid"
#include "strided"
#include "matmul_blocks"
#include "matmul_store_block"
override WG: u32 = 64; // 8 | 64
override TEAM: u32 = 1; // 1 | 16
override ROWS: u32 = 1; // 1 | 4
override LOAD_A: u32 = 0; // 0 | 1 | 2
override LOAD_B: u32 = 0; // 0 | 1 | 2
alias T = f32; // f32 | f16
// What c is written in: T, or vec4s of it where n, or m of the transposed product, is a multiple of 4.
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

// Of each invocation, ROWS or, of one row, 1.
var<workgroup> partial: array<vec4f, WG * ROWS>;

// Four neighbours along k of one row of a.
fn row_of_a(start: u32, depth: u32, k: u32) -> vec4f {
  if (LOAD_A == 2u) { return vec_a(start + k); }
  return pick_a(start + min(k + quad, vec4<u32>(depth - 1u)) * params.a_col);
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
  let slots = max(WG / TEAM, 1u);
  let slot = select(lane % slots, lane / TEAM, LOAD_B == 2u);
  let member = select(lane / slots, lane % TEAM, LOAD_B == 2u);
  let row = (tile / params.groups_n) * ROWS;
  let col = ((tile % params.groups_n) * slots + slot) * 4u;

  // Columns of c in x[j], or, where there is one row only, that row in x[0].
  var x: mat4x4f;
  let whole = at.k & ~3u;
  let a_row = at.a + row * params.a_row;
  for (var k = member * 4u; k < whole; k += TEAM * 4u) {
    let v = block_b(at.b, at.k, col, k);
    if (ROWS == 1u) {
      x[0] += v * row_of_a(a_row, at.k, k);
    } else {
      let u = block_a(at.a, at.k, row, k);
      x += outer(u[0], v[0]);
      x += outer(u[1], v[1]);
      x += outer(u[2], v[2]);
      x += outer(u[3], v[3]);
    }
  }
  let rest = at.k - whole;
  if (rest > 0u && member == 0u) {
    let v = block_b(at.b, at.k, col, whole);
    let u = block_a(at.a, at.k, row, whole);
    for (var q = 0u; q < rest; q++) {
      if (ROWS == 1u) { x[0] += u[q].x * v[q]; } else { x += outer(u[q], v[q]); }
    }
  }
  if (TEAM > 1u) {
    let own = (slot * TEAM + member) * ROWS;
    for (var i = 0u; i < ROWS; i++) { partial[own + i] = x[i]; }
    workgroupBarrier();
    if (member > 0u) { return; }
    for (var other = 1u; other < TEAM; other++) {
      for (var i = 0u; i < ROWS; i++) { x[i] += partial[own + other * ROWS + i]; }
    }
  }
  if (ROWS == 1u) {
    let zero = vec4f(0.0);
    x = transpose(mat4x4f(x[0], zero, zero, zero));
  }
  store_block(at.c, row, col, x);
}
