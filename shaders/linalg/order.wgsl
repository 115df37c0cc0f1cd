// value[place_i] = |d_i| or d_i over the scale of its matrix, place_i the position of i in sorted order
//
//   ascending  by d_i; equal values keep their order
//   by_size    by |d_i|, largest first
//
// shapes: band [batch, parts, n], of which the first part is d; scales [batch]; values, places [batch, n]
// access: one invocation per value, reads all n
#slot PLACE = ascending // ascending | by_size
#include "grid"

struct Params {
  count: u32,
  n: u32,
  parts: u32,
}

@group(0) @binding(0) var<storage, read> band: array<f32>;
@group(0) @binding(1) var<storage, read> scales: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> places: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

// How d sorts: the smaller, the earlier.
fn ascending(d: f32) -> f32 {
  return d;
}

fn by_size(d: f32) -> f32 {
  return -abs(d);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let i = item % params.n;
  let b = item / params.n;
  let base = b * params.parts * params.n;
  let own = PLACE(band[base + i]);
  var place = 0u;
  for (var j = 0u; j < params.n; j++) {
    let other = PLACE(band[base + j]);
    if (other < own || (other == own && j < i)) { place++; }
  }
  places[item] = place;
  let value = select(own, -own, PLACE(1.0) < 0.0);
  // The scale 0 stands for a matrix that has been reported.
  let scale = scales[b];
  values[b * params.n + place] = select(0.0, value / scale, scale > 0.0);
}
