// TEAM neighbouring invocations share a matrix of at most TEAM rows and columns in workgroup memory, a line each;
// a workgroup of 64 holds 64 / TEAM matrices. The including kernel declares TEAM, x, log_rows, log_cols and params
// as transport/knopp_team does.
const MATRICES = 64u / TEAM;

var<workgroup> tile: array<f32, 64u * TEAM>;

// Of each matrix, bits that turn all of it to NaN where a logit is NaN or +Infinity, and 0 elsewhere.
var<workgroup> spoiled: array<atomic<u32>, 16>;

fn spoil(value: f32, bits: u32) -> f32 {
  return bitcast<f32>(bitcast<u32>(value) | bits);
}

fn entry(at: u32) -> f32 { return tile[at]; }
fn keep_entry(at: u32, value: f32) { tile[at] = value; }

// Neighbours begin at neighbouring places, so that they do not meet in one bank of workgroup memory.
fn turned(k: u32, first: u32, count: u32) -> u32 {
  return select(k + first, k + first - count, k + first >= count);
}

fn log_row_of(matrix: u32, i: u32) -> f32 {
  if (params.marginals == 0u) { return params.log_row; }
  return log_rows[matrix * params.rows + i];
}

fn log_col_of(matrix: u32, j: u32) -> f32 {
  if (params.marginals == 0u) { return params.log_col; }
  return log_cols[matrix * params.cols + j];
}

fn take_logits(base: u32, matrix: u32, lane: u32) {
  let size = params.rows * params.cols;
  for (var k = lane; k < size; k += TEAM) {
    let logit = x[matrix * size + k];
    let scaled = logit * params.scale;
    let bits = bitcast<u32>(logit);
    let below = bits == MINUS_INFINITY;
    if (!below && (bits & INFINITY) == INFINITY) { atomicOr(&spoiled[base / size], NOT_A_NUMBER); }
    let forbidden = below || scaled < FORBIDDEN;
    let mass = min(log_row_of(matrix, k / params.cols), log_col_of(matrix, k % params.cols));
    tile[base + k] = select(scaled, FORBIDDEN, forbidden || mass < 0.5 * FORBIDDEN);
  }
}
