// P p = L U for a few columns of a matrix, in place, with partial pivoting
//
// Row after row is eliminated (Golub and Van Loan, Matrix Computations, 3.4); the pivot is the element of
// greatest size, of equal ones the first. NaN counts as the greatest, so that it becomes a pivot and is
// seen. A pivot that is 0 is passed over. info is the number of the first pivot that is 0 or not finite.
//
// shapes: p [batch, rows, 4 quads], `steps` columns of which have a pivot; pivots [batch, length], numbered
//         from 1, rows of the whole matrix; permutation [batch, height]; info [batch]
// access: a team per matrix (include/team); on a CPU one invocation
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  batch: u32,
  rows: u32,
  quads: u32,
  steps: u32,
  // Rows of the whole matrix before the panel.
  first: u32,
  length: u32,
  height: u32,
}

@group(0) @binding(0) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> pivots: array<i32>;
@group(0) @binding(2) var<storage, read_write> permutation: array<i32>;
@group(0) @binding(3) var<storage, read_write> info: array<i32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> keys: array<u32, TEAM>;
var<workgroup> places: array<u32, TEAM>;

fn wait() {
  if (TEAM > 1u) { storageBarrier(); }
}

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let matrix = team_row(linear_group(id, groups), local);
  let lane = team_lane(local);
  var rows = params.rows;
  if (matrix >= params.batch) { rows = 0u; }
  let quads = params.quads;
  let panel = matrix * params.rows * quads;
  for (var j = 0u; j < params.steps; j++) {
    let quad = j / 4u;
    let part = j % 4u;
    var key = 0u;
    var place = j;
    for (var i = j + lane; i < rows; i += TEAM) {
      let size = bitcast<u32>(p[panel + i * quads + quad][part]) & 0x7fffffffu;
      if (size > key) {
        key = size;
        place = i;
      }
    }
    if (TEAM > 1u) {
      keys[lane] = key;
      places[lane] = place;
      workgroupBarrier();
      for (var half = TEAM / 2u; half > 0u; half >>= 1u) {
        if (lane < half) {
          let other = keys[lane + half];
          if (other > keys[lane] || (other == keys[lane] && places[lane + half] < places[lane])) {
            keys[lane] = other;
            places[lane] = places[lane + half];
          }
        }
        workgroupBarrier();
      }
      key = keys[0];
      place = places[0];
    }
    if (rows > 0u && lane == 0u) {
      pivots[matrix * params.length + params.first + j] = i32(params.first + place + 1u);
      let order = matrix * params.height + params.first;
      let moved = permutation[order + j];
      permutation[order + j] = permutation[order + place];
      permutation[order + place] = moved;
      if ((key == 0u || key >= 0x7f800000u) && info[matrix] == 0) {
        info[matrix] = i32(params.first + j + 1u);
      }
    }
    if (rows > 0u && place != j) {
      for (var q = lane; q < quads; q += TEAM) {
        let moved = p[panel + j * quads + q];
        p[panel + j * quads + q] = p[panel + place * quads + q];
        p[panel + place * quads + q] = moved;
      }
    }
    wait();
    let later = vec4u(0u, 1u, 2u, 3u) > vec4u(part);
    let own = vec4u(0u, 1u, 2u, 3u) == vec4u(part);
    var pivot = 1.0;
    var row = vec4f();
    if (rows > 0u && key != 0u) {
      row = p[panel + j * quads + quad];
      pivot = row[part];
      row = select(vec4f(), row, later);
    }
    for (var i = j + 1u + lane; i < rows; i += TEAM) {
      let at = panel + i * quads;
      let factor = p[at + quad][part] / pivot;
      p[at + quad] = select(p[at + quad] - factor * row, vec4f(factor), own);
      for (var q = quad + 1u; q < quads; q++) { p[at + q] -= factor * p[panel + j * quads + q]; }
    }
    wait();
  }
}
