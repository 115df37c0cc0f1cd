// Z <- Z G_1 G_2 ..., the rotations of columns that a QL or QR iteration wrote down
//
// A rotation (c, s) of columns (j, h): z_j' = c z_j + s z_h, z_h' = c z_h - s z_j. The rows of Z do not meet,
// so each block of 16 of them runs through all rotations on its own; its columns lie one after another.
//
// shapes: z [batch, blocks, n, 4] vec4s: 16 rows of a column are four vec4s; sweeps and rotations as in
//         linalg/tridiagonal_ql; state [batch, 4]
// access: one invocation per block of rows; a rotation reads and writes one column, the other stays in hand
#include "grid"
#include "rotations"

struct Params {
  items: u32,
  blocks: u32,
  n: u32,
  max_sweeps: u32,
  max_rotations: u32,
  // 1: Z is the identity so far
  start: u32,
  // The entry of the state that says how many sweeps there are.
  counter: u32,
}

@group(0) @binding(0) var<storage, read> sweeps: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> rotations: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> z: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 1u);
  if (item >= params.items) { return; }
  let b = item / params.blocks;
  let first_row = 16u * (item % params.blocks);
  let base = item * params.n * 4u;
  if (params.start == 1u) {
    for (var i = 0u; i < 4u * params.n; i++) { z[base + i] = vec4<f32>(); }
    let end = min(first_row + 16u, params.n);
    for (var row = first_row; row < end; row++) {
      let lane = row - first_row;
      z[base + 4u * row + lane / 4u][lane % 4u] = 1.0;
    }
  }
  let count = state[4u * b + params.counter];
  for (var s = 0u; s < count; s++) {
    let sweep = sweeps[b * params.max_sweeps + s];
    let kind = sweep.w & 3u;
    let log = b * params.max_rotations + sweep.z;
    if ((kind & SWEEP_PIVOT) != 0u) {
      let pivot = base + 4u * (sweep.w >> 2u);
      for (var t = 0u; t < sweep.y; t++) {
        let r = rotations[log + t];
        let at = base + 4u * select(sweep.x + t, sweep.x - t, (kind & SWEEP_DOWN) != 0u);
        for (var q = 0u; q < 4u; q++) {
          let near = z[at + q];
          let far = z[pivot + q];
          z[at + q] = r.x * near + r.y * far;
          z[pivot + q] = r.x * far - r.y * near;
        }
      }
    } else {
      let step = select(4u, 0u - 4u, kind == SWEEP_DOWN);
      var at = base + 4u * sweep.x;
      var z0 = z[at];
      var z1 = z[at + 1u];
      var z2 = z[at + 2u];
      var z3 = z[at + 3u];
      for (var t = 0u; t < sweep.y; t++) {
        let r = rotations[log + t];
        let next = at + step;
        let n0 = z[next];
        let n1 = z[next + 1u];
        let n2 = z[next + 2u];
        let n3 = z[next + 3u];
        z[at] = r.x * z0 + r.y * n0;
        z[at + 1u] = r.x * z1 + r.y * n1;
        z[at + 2u] = r.x * z2 + r.y * n2;
        z[at + 3u] = r.x * z3 + r.y * n3;
        z0 = r.x * n0 - r.y * z0;
        z1 = r.x * n1 - r.y * z1;
        z2 = r.x * n2 - r.y * z2;
        z3 = r.x * n3 - r.y * z3;
        at = next;
      }
      z[at] = z0;
      z[at + 1u] = z1;
      z[at + 2u] = z2;
      z[at + 3u] = z3;
    }
  }
}
