// U^T A V = B: a matrix with m >= n to upper bidiagonal form by Householder reflections from both sides
//
// Step k turns column k of what is left of A into (d_k, 0, ...) by I - s u u^T, then row k into
// (d_k, e_k, 0, ...) by I - t v v^T. Together they are the update
//   A <- A - u x^T - y v^T,  x = s A^T u,  y = t (A v - (x.v) u),
// which waits until step k + 1 knows its own u: then one pass over A does the update and the next A^T u.
// STEP is a part of a step, or all steps of a matrix:
//   column   column k with the update that is due, d_k and u
//   across   the update, and the sums of A^T u over 64 rows, for 16 columns
//   row      x, row k, e_k, v and x.v
//   down     y for four rows
//   whole    all of it, one invocation per matrix
//
// shapes: work [batch, rows, cols4] vec4s, m and n rounded up to four; reflectors: u by rows, zeros before
//         element k, [batch, n, rows / 4], then v, zeros before k + 1, [batch, n, cols4]; vectors
//         [batch, cols4 + rows / 4 + chunks cols4] (x, y, partial sums); band [batch, 5, n]: d, e, s, t, x.v
// access: column reads A along a column; across and down read it once each
// source: Golub, Kahan 1965; Golub, Van Loan, 4th edition, 5.4.8; the deferred update is that of LAPACK's
//         xLABRD with panels of one column
#slot STEP = column // column | across | row | down | whole
#include "grid"
#include "householder"
override WG: u32 = 32; // 1 | 32

struct Params {
  items: u32,
  n: u32,
  rows4: u32,
  cols4: u32,
  chunks: u32,
  rights: u32,
  k: u32,
}

@group(0) @binding(0) var<storage, read_write> work: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> reflectors: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> vectors: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> band: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

const CHUNK = 64u;

// Where things of matrix b begin.
fn row_of(b: u32, i: u32) -> u32 {
  return (b * 4u * params.rows4 + i) * params.cols4;
}

fn left_of(b: u32, k: u32) -> u32 {
  return (b * params.n + k) * params.rows4;
}

fn right_of(b: u32, k: u32) -> u32 {
  return params.rights + (b * params.n + k) * params.cols4;
}

fn x_of(b: u32) -> u32 {
  return b * (params.cols4 * (1u + params.chunks) + params.rows4);
}

fn column_step(b: u32, k: u32) {
  let end = params.rows4;
  let own = left_of(b, k);
  let x = x_of(b);
  let y = x + params.cols4;
  let g_k = k / 4u;
  let lane = k % 4u;
  for (var g = g_k; g < end; g++) {
    var value = vec4<f32>();
    for (var r = 0u; r < 4u; r++) { value[r] = work[row_of(b, 4u * g + r) + g_k][lane]; }
    if (k > 0u) {
      let x_k = vectors[x + g_k][lane];
      let v_k = reflectors[right_of(b, k - 1u) + g_k][lane];
      value -= x_k * reflectors[own - end + g] + v_k * vectors[y + g];
    }
    reflectors[own + g] = value;
  }
  let made = reflect_to_first(own, k, end);
  let bands = b * 5u * params.n;
  band[bands + k] = made.beta;
  band[bands + 2u * params.n + k] = made.tau;
}

fn across_step(b: u32, k: u32, chunk: u32, tile: u32) {
  let x = x_of(b);
  let y = x + params.cols4;
  let sums = y + params.rows4 + chunk * params.cols4;
  let u_next = left_of(b, k);
  let u = select(u_next - params.rows4, u_next, k == 0u);
  let v = select(right_of(b, k) - params.cols4, right_of(b, k), k == 0u);
  let begin = max(k / 4u, chunk * (CHUNK / 4u));
  let end = min(params.rows4, (chunk + 1u) * (CHUNK / 4u));
  let last = params.cols4 - 1u;
  for (var part = 0u; part < 2u; part++) {
    let g0 = 4u * tile + 2u * part;
    if (g0 > last) { break; }
    let pair = g0 < last;
    let g1 = min(g0 + 1u, last);
    // In the first step nothing is due.
    let x0 = select(vectors[x + g0], vec4<f32>(), k == 0u);
    let x1 = select(vectors[x + g1], vec4<f32>(), k == 0u);
    let v0 = select(reflectors[v + g0], vec4<f32>(), k == 0u);
    let v1 = select(reflectors[v + g1], vec4<f32>(), k == 0u);
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    for (var rows = begin; rows < end; rows++) {
      let u_rows = reflectors[u + rows];
      let y_rows = vectors[y + rows];
      let next = reflectors[u_next + rows];
      let at = row_of(b, 4u * rows);
      for (var r = 0u; r < 4u; r++) {
        let i = at + r * params.cols4;
        let a0 = work[i + g0] - u_rows[r] * x0 - y_rows[r] * v0;
        work[i + g0] = a0;
        sum0 += next[r] * a0;
        if (pair) {
          let a1 = work[i + g1] - u_rows[r] * x1 - y_rows[r] * v1;
          work[i + g1] = a1;
          sum1 += next[r] * a1;
        }
      }
    }
    vectors[sums + g0] = sum0;
    if (pair) { vectors[sums + g1] = sum1; }
  }
}

fn row_step(b: u32, k: u32) {
  let n = params.n;
  let end = params.cols4;
  let x = x_of(b);
  let sums = x + params.cols4 + params.rows4;
  let own = right_of(b, k);
  let row = row_of(b, k);
  let bands = b * 5u * n;
  let begin = (k + 1u) / 4u;
  let s = band[bands + 2u * n + k];
  let first_chunk = k / CHUNK;
  for (var g = begin; g < end; g++) {
    var sum = vec4<f32>();
    for (var c = first_chunk; c < params.chunks; c++) { sum += vectors[sums + c * end + g]; }
    vectors[x + g] = s * sum;
    reflectors[own + g] = work[row + g] - s * sum;
  }
  var t = 0.0;
  if (k + 1u < n) {
    let made = reflect_to_first(own, k + 1u, end);
    band[bands + n + k] = made.beta;
    t = made.tau;
  } else {
    for (var g = 0u; g < end; g++) { reflectors[own + g] = vec4<f32>(); }
  }
  band[bands + 3u * n + k] = t;
  var along = vec4<f32>();
  for (var g = begin; g < end; g++) { along += vectors[x + g] * reflectors[own + g]; }
  band[bands + 4u * n + k] = sum_of_four(along);
}

fn down_step(b: u32, k: u32, rows: u32) {
  let end = params.cols4;
  let v = right_of(b, k);
  let row0 = row_of(b, 4u * rows);
  let row1 = row0 + end;
  let row2 = row1 + end;
  let row3 = row2 + end;
  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var g = (k + 1u) / 4u; g < end; g++) {
    let v_g = reflectors[v + g];
    sum0 += work[row0 + g] * v_g;
    sum1 += work[row1 + g] * v_g;
    sum2 += work[row2 + g] * v_g;
    sum3 += work[row3 + g] * v_g;
  }
  let product =
    vec4<f32>(sum_of_four(sum0), sum_of_four(sum1), sum_of_four(sum2), sum_of_four(sum3));
  let bands = b * 5u * params.n;
  let t = band[bands + 3u * params.n + k];
  let along = band[bands + 4u * params.n + k];
  vectors[x_of(b) + params.cols4 + rows] = t * (product - along * reflectors[left_of(b, k) + rows]);
}

fn column(item: u32) {
  column_step(item, params.k);
}

fn across(item: u32) {
  let first_tile = (params.k + 1u) / 16u;
  let tiles = (params.cols4 + 3u) / 4u - first_tile;
  let first_chunk = params.k / CHUNK;
  let chunks = params.chunks - first_chunk;
  let chunk = first_chunk + (item / tiles) % chunks;
  across_step(item / (chunks * tiles), params.k, chunk, first_tile + item % tiles);
}

fn row(item: u32) {
  row_step(item, params.k);
}

fn down(item: u32) {
  let first = params.k / 4u;
  let count = params.rows4 - first;
  down_step(item / count, params.k, first + item % count);
}

fn whole(item: u32) {
  let tiles = (params.cols4 + 3u) / 4u;
  for (var k = 0u; k < params.n; k++) {
    column_step(item, k);
    for (var c = k / CHUNK; c < params.chunks; c++) {
      for (var tile = (k + 1u) / 16u; tile < tiles; tile++) { across_step(item, k, c, tile); }
    }
    row_step(item, k);
    for (var r = k / 4u; r < params.rows4; r++) { down_step(item, k, r); }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, WG);
  if (item >= params.items) { return; }
  STEP(item);
}
