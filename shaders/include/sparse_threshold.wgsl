// The projection of rows of scores y onto { p >= 0, sum p = mass, at most `most` nonzeros }: p_i = max(y_i - tau, 0)
// for the greatest `most` scores, of equal ones the first. Scores are given, or (f_i - c_ri) scale with the
// potentials f of the problem that row r is of.
//
// The including kernel declares the slots SCORE and ENDED and the constant WRITE, and finds the thresholds.
struct Params {
  problems: u32,
  // Rows of each problem, and those that there is room for in the planes of thresholds.
  problem_rows: u32,
  problem_pad: u32,
  // Elements of a row, its vec4s, and vec4s from one row of x and of the projection to the next.
  length: u32,
  cols4: u32,
  row_step: u32,
  most: u32,
  // vec4s from one problem of f to the next, and before its potentials.
  f_step: u32,
  f_offset: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> f: array<vec4f>;
@group(0) @binding(2) var<storage, read> mass: array<f32>;
// Five planes of [problems, problem_pad]: see Threshold; the last is tau.
@group(0) @binding(3) var<storage, read_write> thresholds: array<f32>;
// max <y, p> - p^2 / 2 over all such p.
@group(0) @binding(4) var<storage, read_write> conjugates: array<f32>;
@group(0) @binding(5) var<storage, read_write> projection: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

const HIGHEST = 0x1.fffffep+127f;
const LOWEST = -0x1.fffffep+127f;
// What a forbidden pair scores, at least.
const LEAST_SCORE = -1e37;
// The state of a problem from which on it is left alone: see sparse_step.
const OVER = 2.0;

struct Row {
  problem: u32,
  // In x and in the projection.
  start: u32,
  mass: f32,
}

// p_i = max((y_i - top) - above, 0) where y_i exceeds cut, or equals it and i <= place: top is the greatest score, so
// that differences are exact where they matter.
struct Threshold {
  top: f32,
  above: f32,
  cut: f32,
  place: u32,
  conjugate: f32,
}

fn given_score(row: Row, c: u32) -> vec4f { return x[row.start + c]; }

fn potential_score(row: Row, c: u32) -> vec4f {
  let own = f[row.problem * params.f_step + params.f_offset + c];
  return max((own - x[row.start + c]) * params.scale, vec4f(LEAST_SCORE));
}

// Scores of which those past the end of the row count for nothing.
fn score(row: Row, c: u32) -> vec4f {
  let y = SCORE(row, c);
  if (c * 4u + 4u <= params.length) { return y; }
  let i = vec4u(c * 4u) + vec4u(0u, 1u, 2u, 3u);
  return select(vec4f(LOWEST), y, i < vec4u(params.length));
}

fn never_ended(problem: u32) -> bool { return false; }

fn state_ended(problem: u32) -> bool { return f[problem * params.f_step].x >= OVER; }

fn row_of(item: u32) -> Row {
  let problem = item / params.problem_pad;
  let at = problem * params.problem_rows + item % params.problem_pad;
  return Row(problem, at * params.row_step, mass[at]);
}

fn is_row(item: u32) -> bool {
  return item % params.problem_pad < params.problem_rows;
}

fn store_threshold(item: u32, t: Threshold) {
  let plane = params.problems * params.problem_pad;
  thresholds[item] = t.top;
  thresholds[plane + item] = t.above;
  thresholds[2u * plane + item] = t.cut;
  thresholds[3u * plane + item] = f32(t.place);
  thresholds[4u * plane + item] = t.top + t.above;
  conjugates[item] = t.conjugate;
}

// What lies past the rows of a problem keeps nothing.
fn store_nothing(item: u32) {
  store_threshold(item, Threshold(0.0, 0.0, HIGHEST, 0u, 0.0));
}

fn store_projection(row: Row, t: Threshold) {
  for (var c = 0u; c < params.cols4; c++) {
    let y = score(row, c);
    let i = vec4u(c * 4u) + vec4u(0u, 1u, 2u, 3u);
    let kept = (y > vec4f(t.cut)) | ((y == vec4f(t.cut)) & (i <= vec4u(t.place)));
    let p = max((y - vec4f(t.top)) - vec4f(t.above), vec4f(0.0));
    projection[row.start + c] = select(vec4f(0.0), p, kept);
  }
}
