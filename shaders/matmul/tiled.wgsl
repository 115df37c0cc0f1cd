// c = a b
//
// shapes: a [batch, m, k], b [batch, k, n], c [batch, m, n]; see include/matmul
// access: SIDE x SIDE invocations share tiles of a and b in workgroup memory, 16 columns of a and rows of b at
// a time, and keep GROUPS x GROUPS blocks of 4x4 of c each: a tile of SIDE * GROUPS * 4 squared. Operands are
// read in 4x4 blocks, as vec4s along whichever direction is contiguous, and kept with the four rows (of
// a) or columns (of b) of one k in one vec4, so the inner loop reads vec4s only. For GPUs. Every sum runs
// over k in order.
#include "grid"
#include "strided"
#include "matmul"
override SIDE: u32 = 8; // 8 | 16
const GROUPS = 2u; // 1 | 2
// 0: element by element, any strides. 1: vec4s along m (of a) or n (of b). 2: vec4s along k.
override LOAD_A: u32 = 0; // 0 | 1 | 2
override LOAD_B: u32 = 0; // 0 | 1 | 2
alias T = f32; // f32 | f16

@group(0) @binding(0) var<storage, read> a: array<T>;
// The same memory, for vec4 loads: offset and all strides but that of 1 are whole vec4s.
@group(0) @binding(1) var<storage, read> a4: array<vec4<T>>;
@group(0) @binding(2) var<storage, read> b: array<T>;
@group(0) @binding(3) var<storage, read> b4: array<vec4<T>>;
@group(0) @binding(4) var<storage, read_write> c: array<T>;
@group(0) @binding(5) var<uniform> params: Params;

// Row k of a tile: SIDE * GROUPS vec4s.
var<workgroup> tile_a: array<vec4f, 16u * SIDE * GROUPS>;
var<workgroup> tile_b: array<vec4f, 16u * SIDE * GROUPS>;

// Four neighbours along m or n (from `line`) times four along k: one column per k, zero from k = params.k
// on. Neighbours outside the matrix repeat its last one, or come from beside it; they are not stored.
fn block_a(at: u32, line: u32, k: u32) -> mat4x4f {
  let last = params.m - 1u;
  let ks = min(k + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.k - 1u)) * params.a_col;
  var x: mat4x4f;
  if (LOAD_A == 1u) {
    let base = at + min(line, last & ~3u);
    x = mat4x4f(
      vec4f(a4[(base + ks.x) >> 2u]), vec4f(a4[(base + ks.y) >> 2u]),
      vec4f(a4[(base + ks.z) >> 2u]), vec4f(a4[(base + ks.w) >> 2u]));
  } else {
    let base = at + min(line + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last)) * params.a_row;
    if (LOAD_A == 2u) {
      let kv = min(k, (params.k - 1u) & ~3u);
      x = transpose(mat4x4f(
        vec4f(a4[(base.x + kv) >> 2u]), vec4f(a4[(base.y + kv) >> 2u]),
        vec4f(a4[(base.z + kv) >> 2u]), vec4f(a4[(base.w + kv) >> 2u])));
    } else {
      x = mat4x4f(
        pick_a(base + ks.x), pick_a(base + ks.y), pick_a(base + ks.z), pick_a(base + ks.w));
    }
  }
  return cut(x, k);
}

fn pick_a(at: vec4<u32>) -> vec4f {
  return vec4f(vec4<T>(a[at.x], a[at.y], a[at.z], a[at.w]));
}

fn block_b(at: u32, line: u32, k: u32) -> mat4x4f {
  let last = params.n - 1u;
  let ks = min(k + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.k - 1u)) * params.b_row;
  var x: mat4x4f;
  if (LOAD_B == 1u) {
    let base = at + min(line, last & ~3u);
    x = mat4x4f(
      vec4f(b4[(base + ks.x) >> 2u]), vec4f(b4[(base + ks.y) >> 2u]),
      vec4f(b4[(base + ks.z) >> 2u]), vec4f(b4[(base + ks.w) >> 2u]));
  } else {
    let base = at + min(line + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last)) * params.b_col;
    if (LOAD_B == 2u) {
      let kv = min(k, (params.k - 1u) & ~3u);
      x = transpose(mat4x4f(
        vec4f(b4[(base.x + kv) >> 2u]), vec4f(b4[(base.y + kv) >> 2u]),
        vec4f(b4[(base.z + kv) >> 2u]), vec4f(b4[(base.w + kv) >> 2u])));
    } else {
      x = mat4x4f(
        pick_b(base + ks.x), pick_b(base + ks.y), pick_b(base + ks.z), pick_b(base + ks.w));
    }
  }
  return cut(x, k);
}

fn pick_b(at: vec4<u32>) -> vec4f {
  return vec4f(vec4<T>(b[at.x], b[at.y], b[at.z], b[at.w]));
}

fn cut(x: mat4x4f, k: u32) -> mat4x4f {
  let left = params.k - min(k, params.k);
  let zero = vec4f();
  return mat4x4f(
    select(zero, x[0], left > 0u), select(zero, x[1], left > 1u),
    select(zero, x[2], left > 2u), select(zero, x[3], left > 3u));
}

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

  var x: array<mat4x4f, GROUPS * GROUPS>;
  for (var k = 0u; k < params.k; k += 16u) {
    workgroupBarrier();
    // 4 * width blocks of a, then as many of b. Neighbouring invocations read along the contiguous
    // direction: along k for LOAD 2, else along m or n.
    for (var unit = lane; unit < 8u * width; unit += SIDE * SIDE) {
      if (unit < 4u * width) {
        let line = select(unit % width, unit / 4u, LOAD_A == 2u);
        let step = select(unit / width, unit % 4u, LOAD_A == 2u) * 4u;
        let y = block_a(at.a, row + line * 4u, k + step);
        tile_a[step * width + line] = y[0];
        tile_a[(step + 1u) * width + line] = y[1];
        tile_a[(step + 2u) * width + line] = y[2];
        tile_a[(step + 3u) * width + line] = y[3];
      } else {
        let rest = unit - 4u * width;
        let line = select(rest % width, rest / 4u, LOAD_B == 2u);
        let step = select(rest / width, rest % 4u, LOAD_B == 2u) * 4u;
        let y = block_b(at.b, col + line * 4u, k + step);
        tile_b[step * width + line] = y[0];
        tile_b[(step + 1u) * width + line] = y[1];
        tile_b[(step + 2u) * width + line] = y[2];
        tile_b[(step + 3u) * width + line] = y[3];
      }
    }
    workgroupBarrier();
    for (var q = 0u; q < 16u; q++) {
      var u: array<vec4f, GROUPS>;
      var v: array<vec4f, GROUPS>;
      for (var i = 0u; i < GROUPS; i++) {
        u[i] = tile_a[q * width + i * SIDE + local.y];
        v[i] = tile_b[q * width + i * SIDE + local.x];
      }
      for (var i = 0u; i < GROUPS; i++) {
        for (var j = 0u; j < GROUPS; j++) {
          x[i * GROUPS + j] += outer(u[i], v[j]);
        }
      }
    }
  }
  for (var i = 0u; i < GROUPS; i++) {
    for (var j = 0u; j < GROUPS; j++) {
      for (var q = 0u; q < 4u; q++) {
        store(at.c, row + (i * SIDE + local.y) * 4u, col + (j * SIDE + local.x) * 4u + q,
          x[i * GROUPS + j][q]);
      }
    }
  }
}
