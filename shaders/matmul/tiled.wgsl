// c = a b + bias
//
// shapes: a [batch, m, k], b [batch, k, n], bias [m, n] or none, c [batch, m, n]; see include/matmul
// access: SIDE x SIDE invocations share tiles of a and b in workgroup memory, 16 columns of a and rows of b at
// a time, and keep GROUPS x GROUPS blocks of 4x4 of c each: a tile of SIDE * GROUPS * 4 squared. Operands are
// read in 4x4 blocks, as vec4s along whichever direction is contiguous, and kept with the four rows (of
// a) or columns (of b) of one k in one vec4, so the inner loop reads vec4s only. For GPUs. Every sum runs
// over k in order.
#include "grid"
#include "strided"
#include "matmul_blocks"
#include "matmul_store_block"
override SIDE: u32 = 8; // 8 | 16
const GROUPS = 2u; // 1 | 2
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

// Row k of a tile: SIDE * GROUPS vec4s.
var<workgroup> tile_a: array<vec4f, 16u * SIDE * GROUPS>;
var<workgroup> tile_b: array<vec4f, 16u * SIDE * GROUPS>;

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = linear_group(id, groups);
  if (group >= params.groups) { return; }
  let at = product(group / params.groups_product);
  let tile = group % params.groups_product;
  let width = SIDE * GROUPS;
  let row = (tile / params.groups_n) * width * 4u;
  let col = (tile % params.groups_n) * width * 4u;

  // Variables instead of an array: a compiler that does not unroll the loops keeps them in registers.
  var x0: mat4x4f;
  var x1: mat4x4f;
  var x2: mat4x4f;
  var x3: mat4x4f;
  for (var k = 0u; k < at.k; k += 16u) {
    workgroupBarrier();
    // Each tile is 4 * width blocks, at most one per invocation. The first invocations load a and the last
    // load b. Neighbours read along the contiguous direction: along k for LOAD 2, else along m or n.
    if (lane < 4u * width) {
      let line = select(lane % width, lane / 4u, LOAD_A == 2u);
      let step = select(lane / width, lane % 4u, LOAD_A == 2u) * 4u;
      let y = block_a(at.a, at.k, row + line * 4u, k + step);
      tile_a[step * width + line] = y[0];
      tile_a[(step + 1u) * width + line] = y[1];
      tile_a[(step + 2u) * width + line] = y[2];
      tile_a[(step + 3u) * width + line] = y[3];
    }
    let rest = SIDE * SIDE - 1u - lane;
    if (rest < 4u * width) {
      let line = select(rest % width, rest / 4u, LOAD_B == 2u);
      let step = select(rest / width, rest % 4u, LOAD_B == 2u) * 4u;
      let y = block_b(at.b, at.k, col + line * 4u, k + step);
      tile_b[step * width + line] = y[0];
      tile_b[(step + 1u) * width + line] = y[1];
      tile_b[(step + 2u) * width + line] = y[2];
      tile_b[(step + 3u) * width + line] = y[3];
    }
    workgroupBarrier();
    let depth = min(at.k - k, 16u);
    for (var q = 0u; q < depth; q++) {
      let u0 = tile_a[q * width + local.y];
      let v0 = tile_b[q * width + local.x];
      x0 += outer(u0, v0);
      if (GROUPS == 2u) {
        let u1 = tile_a[q * width + SIDE + local.y];
        let v1 = tile_b[q * width + SIDE + local.x];
        x1 += outer(u0, v1);
        x2 += outer(u1, v0);
        x3 += outer(u1, v1);
      }
    }
  }
  // Bounds known at run time only: a compiler that unrolls this takes seconds.
  let bottom = min(params.m, row + width * 4u);
  let right = min(params.n, col + width * 4u);
  for (var y = row + local.y * 4u; y < bottom; y += SIDE * 4u) {
    for (var z = col + local.x * 4u; z < right; z += SIDE * 4u) {
      let second = z >= col + SIDE * 4u;
      var part = x0;
      if (second) { part = x1; }
      if (y >= row + SIDE * 4u) {
        part = x2;
        if (second) { part = x3; }
      }
      store_block(at.c, y, z, part);
    }
  }
}
