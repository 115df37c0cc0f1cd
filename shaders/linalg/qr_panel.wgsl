// Householder's vectors for a few columns of a matrix, in place
//
// For column j: H = I - τ v v^T with v_j = 1 takes the column to β e_j, β = -sign(α) |x|, τ = (β - α) / β,
// v_i = x_i / (α - β), as LAPACK's geqr2; a column that is 0 below the diagonal stays, with τ = 0. Norms are of
// the column divided by its greatest element, so that squares neither overflow nor vanish. Below the diagonal
// stays v, on and above it R.
//
// shapes: p [batch, rows, 4 quads], quads at most 8, `steps` columns of which get a vector; tau [batch, 32]
// access: a team per matrix (include/team); on a CPU one invocation
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  batch: u32,
  rows: u32,
  quads: u32,
  steps: u32,
}

@group(0) @binding(0) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> tau: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

const WIDTH = 8u;
// By vec4 of columns for each part of the rows.
var<workgroup> products: array<vec4f, TEAM>;

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
  var own_products: array<vec4f, WIDTH>;
  for (var j = 0u; j < params.steps; j++) {
    let quad = j / 4u;
    let part = j % 4u;
    var largest = 0.0;
    for (var i = j + lane; i < rows; i += TEAM) {
      largest = max(largest, abs(p[panel + i * quads + quad][part]));
    }
    largest = team_max(largest, lane);
    let unit = select(largest, 1.0, largest < 0x1p-126f);
    var sum = 0.0;
    for (var i = j + 1u + lane; i < rows; i += TEAM) {
      let x = p[panel + i * quads + quad][part] / unit;
      sum += x * x;
    }
    sum = team_sum(sum, lane);
    var alpha = 0.0;
    if (rows > 0u) { alpha = p[panel + j * quads + quad][part]; }
    let scaled = alpha / unit;
    let moves = sum > 0.0;
    let norm = sqrt(scaled * scaled + sum) * unit;
    let beta = select(alpha, select(-norm, norm, alpha < 0.0), moves);
    let factor = select(0.0, (beta - alpha) / beta, moves);
    let divisor = select(1.0, alpha - beta, moves);
    let later = vec4u(0u, 1u, 2u, 3u) > vec4u(part);
    let own = vec4u(0u, 1u, 2u, 3u) == vec4u(part);
    wait();
    // The column becomes v.
    for (var i = j + 1u + lane; i < rows; i += TEAM) {
      let x = p[panel + i * quads + quad];
      p[panel + i * quads + quad] = select(x, x / divisor, own);
    }
    wait();
    // v^T times the columns after it: each part of the rows times each vec4 of columns by one of the team.
    let chunks = max(TEAM / WIDTH, 1u);
    for (var item = lane; item < chunks * WIDTH; item += TEAM) {
      let q = item % WIDTH;
      var dots = vec4f();
      if (q >= quad && q < quads) {
        for (var i = j + 1u + item / WIDTH; i < rows; i += chunks) {
          dots += p[panel + i * quads + quad][part] * p[panel + i * quads + q];
        }
      }
      if (TEAM > 1u) { products[item] = dots; } else { own_products[q] = dots; }
    }
    if (TEAM > 1u) { workgroupBarrier(); }
    for (var q = quad; q < quads; q++) {
      var dots = vec4f();
      if (TEAM > 1u) {
        for (var chunk = 0u; chunk < chunks; chunk++) { dots += products[chunk * WIDTH + q]; }
      } else {
        dots = own_products[q];
      }
      var top = vec4f();
      if (rows > 0u) { top = p[panel + j * quads + q]; }
      let columns = later | vec4<bool>(q > quad);
      own_products[q] = select(vec4f(), factor * (dots + top), columns);
    }
    wait();
    for (var i = j + 1u + lane; i < rows; i += TEAM) {
      let at = panel + i * quads;
      let v = p[at + quad][part];
      for (var q = quad; q < quads; q++) { p[at + q] -= v * own_products[q]; }
    }
    if (rows > 0u && lane == 0u) {
      for (var q = quad; q < quads; q++) { p[panel + j * quads + q] -= own_products[q]; }
      let top = p[panel + j * quads + quad];
      p[panel + j * quads + quad] = select(top, vec4f(beta), own);
      tau[matrix * WIDTH * 4u + j] = factor;
    }
    wait();
  }
}
