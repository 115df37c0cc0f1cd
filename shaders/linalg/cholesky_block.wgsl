// d d^T = w - p for one block of the diagonal; w = d
//
// Column by column (the left-looking form: Golub and Van Loan, Matrix Computations, 4.2). A pivot that is not a
// positive finite number ends it: its column and all later ones become 0, and info the order of the
// leading minor that is not positive definite.
//
// shapes: w [batch, size, size], of which the lower triangle is read and written; p the same shape, if
//         `subtract`; d [batch, 32, 32] dense; info [batch], 0 where all went well
// access: a team per matrix (include/team); on a CPU one invocation
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64

struct Params {
  batch: u32,
  size: u32,
  // Rows of the whole matrix before the block.
  first: u32,
  subtract: u32,
  w_offset: u32,
  w_batch: u32,
  w_row: u32,
  p_batch: u32,
  p_row: u32,
}

@group(0) @binding(0) var<storage, read_write> w: array<f32>;
@group(0) @binding(1) var<storage, read> p: array<f32>;
@group(0) @binding(2) var<storage, read_write> d: array<f32>;
@group(0) @binding(3) var<storage, read_write> info: array<i32>;
@group(0) @binding(4) var<uniform> params: Params;

const SIDE = 32u;

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
  var n = params.size;
  if (matrix >= params.batch) { n = 0u; }
  let from_w = params.w_offset + matrix * params.w_batch;
  let from_p = matrix * params.p_batch;
  let to = matrix * SIDE * SIDE;
  for (var i = lane; i < n; i += TEAM) {
    for (var k = 0u; k <= i; k++) {
      var value = w[from_w + i * params.w_row + k];
      if (params.subtract == 1u) { value -= p[from_p + i * params.p_row + k]; }
      d[to + i * SIDE + k] = value;
    }
  }
  var failed = false;
  if (n > 0u) { failed = info[matrix] != 0; }
  wait();
  for (var j = 0u; j < params.size; j++) {
    for (var i = j + lane; i < n; i += TEAM) {
      var value = d[to + i * SIDE + j];
      for (var k = 0u; k < j; k++) { value -= d[to + i * SIDE + k] * d[to + j * SIDE + k]; }
      d[to + i * SIDE + j] = value;
    }
    wait();
    var pivot = 0.0;
    if (n > 0u) { pivot = d[to + j * SIDE + j]; }
    // The bits of positive finite numbers are 1 to 0x7f7fffff.
    if (n > 0u && !failed && bitcast<u32>(pivot) - 1u >= 0x7f7fffffu) {
      failed = true;
      if (lane == 0u) { info[matrix] = i32(params.first + j + 1u); }
    }
    wait();
    let root = sqrt(max(pivot, 0x1p-126f));
    for (var i = j + lane; i < n; i += TEAM) {
      let at = to + i * SIDE + j;
      var value = 0.0;
      if (!failed) { value = select(d[at] / root, root, i == j); }
      d[at] = value;
      w[from_w + i * params.w_row + j] = value;
    }
    wait();
  }
}
