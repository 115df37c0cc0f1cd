// Merges neighbouring sorted runs of a row in pairs: runs of `run` become runs of 2 run
//
// The i-th of the merged elements lies on the i-th diagonal of the two runs' comparison matrix; a binary
// search along the diagonal tells how many come from each, so that every invocation can begin in the
// middle. Ties take from the left run, which keeps the sort stable.
//
// shapes: all [rows, width] dense, of which `length` of each row are used; order travels with the keys
// access: ITEMS merged elements per invocation, after one search of log2(run) steps; no workgroup memory
// source: Green, McColl, Bader: GPU merge path, ICS 2012
#include "grid"
override ITEMS: u32 = 8; // 4 | 8 | 16

struct Params {
  count: u32,
  chunks: u32,
  length: u32,
  width: u32,
  run: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read_write> merged_keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> merged_order: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let start = (item % params.chunks) * ITEMS;
  let row = (item / params.chunks) * params.width;
  let left = start - start % (2u * params.run);
  let right = min(left + params.run, params.length);
  let end = min(right + params.run, params.length);
  let diagonal = start - left;
  let left_size = right - left;
  let right_size = end - right;
  var low = select(0u, diagonal - right_size, diagonal > right_size);
  var high = min(diagonal, left_size);
  while (low < high) {
    let middle = (low + high) >> 1u;
    if (keys[row + left + middle] <= keys[row + right + diagonal - 1u - middle]) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  var a = row + left + low;
  var b = row + right + diagonal - low;
  let a_end = row + right;
  let b_end = row + end;
  let stop = min(start + ITEMS, end);
  // Which run is next is as good as chance, so that a branch would mostly be guessed wrongly.
  var key_a = keys[a];
  var key_b = keys[b];
  for (var i = start; i < stop; i++) {
    let take_left = (b >= b_end) | ((a < a_end) & (key_a <= key_b));
    merged_keys[row + i] = select(key_b, key_a, take_left);
    merged_order[row + i] = order[select(b, a, take_left)];
    a += u32(take_left);
    b += 1u - u32(take_left);
    key_a = keys[a];
    key_b = keys[b];
  }
}
