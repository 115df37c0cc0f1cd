// The singular values of upper bidiagonal matrices by the QR method with implicit shifts, and the rotations
// with B = Z diag(d) W^T, written down for linalg/rotate: those of Z as left, those of W as right
//
// A d that is negligible is made zero and its row or column rotated away, which splits the matrix. The values
// keep their signs. Stopping, going on and reporting are those of linalg/tridiagonal_ql.
//
// shapes: band [batch, 5, n]: d and e (n - 1), replaced by the singular values and zeros; state [batch, 4]: how
//         many values are done, sweeps in the left log, in the right log, 1 if all are done; sweeps
//         [batch, max_sweeps], rotations [batch, max_rotations], left and right
// access: one invocation per matrix, a chain of dependent steps
// source: Golub, Reinsch 1970 (Handbook II/10), in the form of LINPACK's xSVDC (Stewart 1979)
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
@group(0) @binding(2) var<storage, read_write> left_sweeps: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> left: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> right_sweeps: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> right: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(7) var<uniform> params: Params;

// The difference between the shift, an eigenvalue of the last 2 x 2 block of B^T B, and d_{p-1}^2, over `unit`^2.
fn shift_of(d: u32, e: u32, p: u32, unit: f32) -> f32 {
  let last = band[d + p - 1u] / unit;
  let above = band[d + p - 2u] / unit;
  let beside = band[e + p - 2u] / unit;
  let half = 0.5 * ((above + last) * (above - last) + beside * beside);
  let product = last * beside;
  let square = product * product;
  if (half == 0.0 && square == 0.0) { return 0.0; }
  let root = sqrt(half * half + square);
  return square / (half + select(root, -root, half < 0.0));
}

@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let b = linear_index(id, groups, 1u);
  if (b >= params.batch) { return; }
  state[4u * b + 1u] = 0u;
  state[4u * b + 2u] = 0u;
  if (state[4u * b + 3u] == 1u) { return; }
  let n = params.n;
  let d = b * 5u * n;
  let e = d + n;
  let log = b * params.max_rotations;
  let heads = b * params.max_sweeps;
  var norm = 0.0;
  for (var i = 0u; i < n; i++) {
    norm = max(norm, abs(band[d + i]));
    if (i + 1u < n) { norm = max(norm, abs(band[e + i])); }
  }

  // Values p to n - 1 are done.
  var p = n - state[4u * b];
  var used_left = 0u;
  var used_right = 0u;
  var written_left = 0u;
  var written_right = 0u;
  while (p > 0u) {
    // The block that ends at p - 1 begins at k.
    var k = p - 1u;
    while (k > 0u && !is_negligible(band[e + k - 1u], band[d + k - 1u], band[d + k], norm)) { k--; }
    if (k > 0u) { band[e + k - 1u] = 0.0; }
    if (k == p - 1u) {
      p--;
      continue;
    }
    let size = p - k;
    if (used_left + size > params.max_rotations || used_right + size > params.max_rotations ||
        written_left == params.max_sweeps || written_right == params.max_sweeps) {
      break;
    }
    // The last negligible d of the block, p if there is none.
    var zero = p;
    for (var i = p; i > k; i--) {
      var beside = 0.0;
      if (i < p) { beside += abs(band[e + i - 1u]); }
      if (i > k + 1u) { beside += abs(band[e + i - 2u]); }
      if (is_negligible(band[d + i - 1u], beside, 0.0, norm)) {
        zero = i - 1u;
        break;
      }
    }

    var f = 0.0;
    if (zero == p - 1u) {
      // d_{p-1} is zero: column p - 1 is rotated away.
      band[d + zero] = 0.0;
      f = band[e + p - 2u];
      band[e + p - 2u] = 0.0;
      for (var i = p - 1u; i > k; i--) {
        let j = i - 1u;
        let r = rotation_to_first(band[d + j], f);
        band[d + j] = r.z;
        if (j > k) {
          f = -r.y * band[e + j - 1u];
          band[e + j - 1u] = r.x * band[e + j - 1u];
        }
        if (params.log == 1u) { right[log + used_right + p - 2u - j] = r.xy; }
      }
      if (params.log == 1u) {
        right_sweeps[heads + written_right] =
          sweep_of(p - 2u, size - 1u, used_right, SWEEP_PIVOT | SWEEP_DOWN, p - 1u);
      }
      used_right += size - 1u;
      written_right++;
    } else if (zero < p) {
      // d_zero is zero: row `zero` is rotated away.
      band[d + zero] = 0.0;
      f = band[e + zero];
      band[e + zero] = 0.0;
      for (var j = zero + 1u; j < p; j++) {
        let r = rotation_to_first(band[d + j], f);
        band[d + j] = r.z;
        if (j + 1u < p) {
          f = -r.y * band[e + j];
          band[e + j] = r.x * band[e + j];
        }
        if (params.log == 1u) { left[log + used_left + j - zero - 1u] = r.xy; }
      }
      if (params.log == 1u) {
        left_sweeps[heads + written_left] =
          sweep_of(zero + 1u, p - zero - 1u, used_left, SWEEP_PIVOT, zero);
      }
      used_left += p - zero - 1u;
      written_left++;
    } else {
      var unit = max(abs(band[d + p - 1u]), max(abs(band[d + p - 2u]), abs(band[e + p - 2u])));
      unit = max(unit, max(abs(band[d + k]), abs(band[e + k])));
      let first = band[d + k] / unit;
      let last = band[d + p - 1u] / unit;
      f = (first + last) * (first - last) + shift_of(d, e, p, unit);
      var g = first * (band[e + k] / unit);
      for (var j = k; j + 1u < p; j++) {
        let turn = rotation_to_first(f, g);
        if (j > k) { band[e + j - 1u] = turn.z; }
        let d_j = band[d + j];
        let e_j = band[e + j];
        let d_next = band[d + j + 1u];
        f = turn.x * d_j + turn.y * e_j;
        let e_turned = turn.x * e_j - turn.y * d_j;
        g = turn.y * d_next;
        let d_turned = turn.x * d_next;
        let back = rotation_to_first(f, g);
        band[d + j] = back.z;
        f = back.x * e_turned + back.y * d_turned;
        band[d + j + 1u] = back.x * d_turned - back.y * e_turned;
        band[e + j] = f;
        if (j + 2u < p) {
          g = back.y * band[e + j + 1u];
          band[e + j + 1u] = back.x * band[e + j + 1u];
        }
        if (params.log == 1u) {
          right[log + used_right + j - k] = turn.xy;
          left[log + used_left + j - k] = back.xy;
        }
      }
      if (params.log == 1u) {
        right_sweeps[heads + written_right] = sweep_of(k, size - 1u, used_right, SWEEP_UP, 0u);
        left_sweeps[heads + written_left] = sweep_of(k, size - 1u, used_left, SWEEP_UP, 0u);
      }
      used_left += size - 1u;
      used_right += size - 1u;
      written_left++;
      written_right++;
    }
  }
  state[4u * b] = n - p;
  state[4u * b + 1u] = written_left;
  state[4u * b + 2u] = written_right;
  if (p == 0u) {
    state[4u * b + 3u] = 1u;
  } else if (params.is_last == 1u) {
    report_fault(params.site, 0, b);
  }
}
