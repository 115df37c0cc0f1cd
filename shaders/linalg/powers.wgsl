// scale[b] = 2^-e, where 2^e is the power of two at or below the largest |element| of matrix b
//
// Scaled so, a matrix has its largest element in [1, 2), and nothing that is computed from it over- or
// underflows for its size. Multiplying by a power of two rounds nothing. A matrix with an infinite or
// undefined element is reported, and gets the scale 0.
//
// shapes: peaks [batch, rows], from linalg/peaks; scales [batch]
// access: one invocation per matrix
#include "grid"
#include "fault"

struct Params {
  batch: u32,
  rows: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> peaks: array<u32>;
@group(0) @binding(1) var<storage, read_write> scales: array<f32>;
@group(0) @binding(2) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let b = linear_index(id, groups, 1u);
  if (b >= params.batch) { return; }
  var peak = 0u;
  for (var r = 0u; r < params.rows; r++) { peak = max(peak, peaks[b * params.rows + r]); }
  let exponent = peak >> 23u;
  if (exponent == 255u) {
    report_fault(params.site, 0, b);
    scales[b] = 0.0;
    return;
  }
  // Exponents of 1 to 253 have a reciprocal among the normal numbers; beyond, the nearest that does.
  scales[b] = bitcast<f32>((254u - clamp(exponent, 1u, 253u)) << 23u);
}
