// Q^T A Q = T: a symmetric matrix to tridiagonal form by Householder reflections, Q = H_0 H_1 ... H_{n-3}
//
// Step k turns column k of what is left of A into (d_k, e_k, 0, ...) by H_k = I - tau v v^T. The other columns
// are due the rank-two update
//   A <- A - v w^T - w v^T,  w = tau (p - (tau v.p / 2) v),  p = A v,
// which waits until step k + 1 knows its own v: then one pass over A does the update and the next p = A v.
// STEP is a part of a step, or all steps of a matrix:
//   column  w of the step before, column k with that update, d_k, e_k and v of this step
//   rows    the update, and p of this step, for four rows
//   whole   all of it, one invocation per matrix
//
// shapes: work [batch, size, size / 4] vec4s, size = n rounded up to four; reflectors (v by rows, zeros
//         before element k + 1) [batch, n, size / 4]; p and w [batch, size / 4]; band [batch, 3, n]: d, e, tau
// access: column reads a row of A and five vectors; rows reads and writes A's four rows once
// source: Golub, Van Loan, Matrix Computations, 4th edition, 8.3.1; the deferred update is that of LAPACK's
//         xLATRD (Dongarra, Sorensen, Hammarling 1989) with panels of one column
#slot STEP = column // column | rows | whole
#include "grid"
#include "householder"
override WG: u32 = 32; // 1 | 32

struct Params {
  items: u32,
  n: u32,
  size4: u32,
  k: u32,
}

@group(0) @binding(0) var<storage, read_write> work: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> reflectors: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> w: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> band: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn column_step(b: u32, k: u32) {
  let n = params.n;
  let end = params.size4;
  let begin = k / 4u;
  let vectors = b * end;
  let own = (b * n + k) * end;
  let row = (b * 4u * end + k) * end;
  let bands = b * 3u * n;
  if (k == 0u) {
    for (var g = 0u; g < end; g++) { reflectors[own + g] = work[row + g]; }
  } else {
    let before = own - end;
    let tau = band[bands + 2u * n + k - 1u];
    var along = vec4<f32>();
    for (var g = begin; g < end; g++) { along += p[vectors + g] * reflectors[before + g]; }
    let half = 0.5 * tau * sum_of_four(along);
    for (var g = begin; g < end; g++) {
      w[vectors + g] = tau * (p[vectors + g] - half * reflectors[before + g]);
    }
    let v_k = reflectors[before + begin][k % 4u];
    let w_k = w[vectors + begin][k % 4u];
    for (var g = begin; g < end; g++) {
      reflectors[own + g] = work[row + g] - v_k * w[vectors + g] - w_k * reflectors[before + g];
    }
  }
  band[bands + k] = reflectors[own + begin][k % 4u];
  if (k + 1u < n) {
    let made = reflect_to_first(own, k + 1u, end);
    band[bands + n + k] = made.beta;
    band[bands + 2u * n + k] = made.tau;
  }
}

fn rows_step(b: u32, k: u32, rows: u32) {
  let end = params.size4;
  let vectors = b * end;
  let next = (b * params.n + k) * end;
  let before = select(next - end, next, k == 0u);
  let v = select(reflectors[before + rows], vec4<f32>(), k == 0u);
  let u = select(w[vectors + rows], vec4<f32>(), k == 0u);
  let row0 = (b * 4u * end + 4u * rows) * end;
  let row1 = row0 + end;
  let row2 = row1 + end;
  let row3 = row2 + end;
  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var g = (k + 1u) / 4u; g < end; g++) {
    let w_g = w[vectors + g];
    let v_g = reflectors[before + g];
    let next_g = reflectors[next + g];
    let a0 = work[row0 + g] - v.x * w_g - u.x * v_g;
    let a1 = work[row1 + g] - v.y * w_g - u.y * v_g;
    let a2 = work[row2 + g] - v.z * w_g - u.z * v_g;
    let a3 = work[row3 + g] - v.w * w_g - u.w * v_g;
    work[row0 + g] = a0;
    work[row1 + g] = a1;
    work[row2 + g] = a2;
    work[row3 + g] = a3;
    sum0 += a0 * next_g;
    sum1 += a1 * next_g;
    sum2 += a2 * next_g;
    sum3 += a3 * next_g;
  }
  p[vectors + rows] =
    vec4<f32>(sum_of_four(sum0), sum_of_four(sum1), sum_of_four(sum2), sum_of_four(sum3));
}

fn column(item: u32) {
  column_step(item, params.k);
}

fn rows(item: u32) {
  let first = (params.k + 1u) / 4u;
  let count = params.size4 - first;
  rows_step(item / count, params.k, first + item % count);
}

fn whole(item: u32) {
  for (var k = 0u; k < params.n; k++) {
    column_step(item, k);
    if (k + 1u < params.n) {
      for (var r = (k + 1u) / 4u; r < params.size4; r++) { rows_step(item, k, r); }
    }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, WG);
  if (item >= params.items) { return; }
  STEP(item);
}
