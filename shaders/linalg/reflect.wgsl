// y_place(i) = H_0 H_1 ... H_{r-1} (sign_i z_i, 0): reflections turn the columns of Z into singular or
// eigenvectors, which become rows, in sorted order
//
// The sign is that of d_i, or 1: singular values are made positive by turning their right vectors.
// H_k = I - tau_k v_k v_k^T; v_k is zero before element k.
//
// shapes: z [batch, blocks, n, 4] vec4s as in linalg/rotate; reflectors [batch, n, size4] vec4s; band
//         [batch, parts, n], d first, tau in part `taus`; places [batch, n]; y [batch, n, size4] vec4s
// access: one invocation for four columns, which read each v together
// source: Golub, Van Loan, 4th edition, 5.1.6 (backward accumulation)
#include "grid"
override WG: u32 = 32; // 1 | 32

struct Params {
  items: u32,
  n: u32,
  blocks: u32,
  size4: u32,
  reflections: u32,
  parts: u32,
  taus: u32,
  from_reflectors: u32,
  // 1: with the sign of d_i
  signed: u32,
}

@group(0) @binding(0) var<storage, read> z: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> reflectors: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> band: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

fn sum_of_four(v: vec4<f32>) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, WG);
  if (item >= params.items) { return; }
  let n = params.n;
  let end = params.size4;
  let per_matrix = (n + 3u) / 4u;
  let b = item / per_matrix;
  let first = 4u * (item % per_matrix);
  let bands = b * params.parts * n;
  var rows = vec4<u32>();
  for (var lane = 0u; lane < 4u; lane++) {
    // Beyond the last column, the last is computed again.
    let i = min(first + lane, n - 1u);
    let row = (b * n + places[b * n + i]) * end;
    rows[lane] = row;
    let sign = select(1.0, -1.0, params.signed == 1u && band[bands + i] < 0.0);
    for (var g = 0u; g < end; g++) {
      var value = vec4<f32>();
      if (g / 4u < params.blocks) {
        value = sign * z[((b * params.blocks + g / 4u) * n + i) * 4u + g % 4u];
      }
      y[row + g] = value;
    }
  }
  let many = first + 3u < n;
  for (var k = params.reflections; k > 0u; k--) {
    let v = params.from_reflectors + (b * n + k - 1u) * end;
    let tau = band[bands + params.taus * n + k - 1u];
    if (tau == 0.0) { continue; }
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    for (var g = (k - 1u) / 4u; g < end; g++) {
      let v_g = reflectors[v + g];
      sum0 += v_g * y[rows.x + g];
      sum1 += v_g * y[rows.y + g];
      sum2 += v_g * y[rows.z + g];
      sum3 += v_g * y[rows.w + g];
    }
    let by = tau * vec4<f32>(sum_of_four(sum0), sum_of_four(sum1), sum_of_four(sum2), sum_of_four(sum3));
    for (var g = (k - 1u) / 4u; g < end; g++) {
      let v_g = reflectors[v + g];
      y[rows.x + g] -= by.x * v_g;
      if (many || rows.y != rows.x) { y[rows.y + g] -= by.y * v_g; }
      if (many || rows.z != rows.y) { y[rows.z + g] -= by.z * v_g; }
      if (many || rows.w != rows.z) { y[rows.w + g] -= by.w * v_g; }
    }
  }
}
