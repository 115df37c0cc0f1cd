// c = Σ_p x[p] + bias
//
// shapes: x [parts, batch, m, n], bias [m, n] or none, c [batch, m, n]
// access: an invocation adds up one element of c, or four neighbours where n is a multiple of 4. The second
// pass of a product whose sums were cut along k. Parts are added in order.
#include "grid"
alias T = f32; // f32 | f16
// What x is read in and c is written in.
alias X = f32; // f32 | vec4f
alias V = f32; // f32 | f16 | vec4f | vec4h
#slot PICK = pick_lane // pick_lane | pick_all
override LANES: u32 = 1; // 1 | 4

struct Params {
  // Of c, in Vs.
  count: u32,
  parts: u32,
  rows: u32,
  // In Vs.
  cols: u32,
  // 1: add the bias, of which one stride is 0. 0: there is none, and some other operand stands in its binding.
  biased: u32,
  bias_row: u32,
  bias_col: u32,
  bias_offset: u32,
  // The bits of +infinity, for the functions of epilogues.
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> bias: array<T>;
@group(0) @binding(2) var<storage, read_write> c: array<V>;
@group(0) @binding(3) var<uniform> params: Params;

fn pick_lane(x: vec4f, lane: u32) -> f32 { return x[lane]; }
fn pick_all(x: vec4f, lane: u32) -> vec4f { return x; }

fn bias_at(row: u32, col: u32) -> f32 {
  return f32(bias[params.bias_offset + row * params.bias_row + col * params.bias_col]);
}

// Stores x as element i of c, in the given column of its matrix, both counted in Vs. An epilogue takes the
// place of this function: see src/ops/epilogue.ts.
fn put(i: u32, column: u32, x: V) { c[i] = x; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  var sum = x[i];
  for (var p = 1u; p < params.parts; p++) { sum += x[p * params.count + i]; }
  let column = i % params.cols;
  if (params.biased == 1u) {
    let row = i / params.cols % params.rows;
    let col = column * LANES;
    var add = vec4f(bias_at(row, col));
    if (LANES == 4u) {
      add = vec4f(add.x, bias_at(row, col + 1u), bias_at(row, col + 2u), bias_at(row, col + 3u));
    }
    sum += PICK(add, 0u);
  }
  put(i, column, V(sum));
}
