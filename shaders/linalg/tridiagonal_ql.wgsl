// The eigenvalues of symmetric tridiagonal matrices by the QL method with implicit Wilkinson shifts, and the
// rotations Z = G_1 G_2 ... with T = Z diag(d) Z^T, written down for linalg/rotate
//
// A dispatch stops when its log is full, or the matrix is done; the next goes on from `state`. In the last, a
// matrix that is not done is reported. About 0.75 n^2 rotations are usual.
//
// shapes: band [batch, 3, n]: d and e (n - 1), replaced by the eigenvalues and zeros; state [batch, 4]: first
//         index not yet done, sweeps in the log, unused, 1 if done; sweeps [batch, max_sweeps];
//         rotations (cosine, sine) [batch, max_rotations]
// access: one invocation per matrix, a chain of dependent steps
// source: Bowdler, Martin, Reinsch, Wilkinson 1968 (Handbook II/3); Golub, Van Loan, 4th edition, 8.3.5
#include "grid"
#include "fault"
#include "rotations"

struct Params {
  batch: u32,
  n: u32,
  max_sweeps: u32,
  max_rotations: u32,
  is_last: u32,
  site: u32,
  // 1: the rotations are wanted
  log: u32,
}

@group(0) @binding(0) var<storage, read_write> band: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> sweeps: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> rotations: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let b = linear_index(id, groups, 1u);
  if (b >= params.batch) { return; }
  state[4u * b + 1u] = 0u;
  if (state[4u * b + 3u] == 1u) { return; }
  let n = params.n;
  let d = b * 3u * n;
  let e = d + n;
  let log = b * params.max_rotations;
  var norm = 0.0;
  for (var i = 0u; i < n; i++) {
    norm = max(norm, abs(band[d + i]));
    if (i + 1u < n) { norm = max(norm, abs(band[e + i])); }
  }

  var l = state[4u * b];
  var used = 0u;
  var written = 0u;
  while (l < n) {
    var m = l;
    while (m + 1u < n && !is_negligible(band[e + m], band[d + m], band[d + m + 1u], norm)) { m++; }
    if (m == l) {
      l++;
      continue;
    }
    if (used + (m - l) > params.max_rotations || written == params.max_sweeps) { break; }

    let e_l = band[e + l];
    let d_l = band[d + l];
    var g = (band[d + l + 1u] - d_l) / (2.0 * e_l);
    // e_l is not negligible, so g is far from overflow.
    var r = sqrt(g * g + 1.0);
    g = band[d + m] - d_l + e_l / (g + select(-r, r, g >= 0.0));
    var cosine = 1.0;
    var sine = 1.0;
    var shift = 0.0;
    var count = 0u;
    var above = band[d + m];
    for (var i = m; i > l; i--) {
      let f = sine * band[e + i - 1u];
      let h = cosine * band[e + i - 1u];
      let turn = rotation_to_first(g, f);
      r = turn.z;
      if (i < m) { band[e + i] = r; }
      if (r == 0.0) {
        band[d + i] = above - shift;
        break;
      }
      sine = turn.y;
      cosine = turn.x;
      g = above - shift;
      above = band[d + i - 1u];
      let turned = (above - g) * sine + 2.0 * cosine * h;
      shift = sine * turned;
      band[d + i] = g + shift;
      g = cosine * turned - h;
      if (params.log == 1u) { rotations[log + used + count] = vec2<f32>(cosine, sine); }
      count++;
    }
    if (r != 0.0) {
      band[d + l] = above - shift;
      band[e + l] = g;
    }
    if (params.log == 1u) {
      sweeps[b * params.max_sweeps + written] = sweep_of(m, count, used, SWEEP_DOWN, 0u);
    }
    used += count;
    written++;
  }
  state[4u * b] = l;
  state[4u * b + 1u] = written;
  if (l == n) {
    state[4u * b + 3u] = 1u;
  } else if (params.is_last == 1u) {
    report_fault(params.site, 0, b);
  }
}
