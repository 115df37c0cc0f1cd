// What the kernels of optimal transport have in common: pairs of a row i and four neighbouring columns j of a
// problem, their cost, and the logarithm of the mass that potentials send between them. The including kernel
// declares #slot COST, #slot TERM and #slot FINISH,
// and the uniform `params`.
//
// Points lie coordinate by coordinate, [problem, dims, points], and all lists of points are padded to a multiple
// of 16: columns are read as vec4s, and what is behind the last has a log weight of NEGLIGIBLE.
struct Params {
  problems: u32,
  rows: u32,
  cols: u32,
  // Coordinates of a point.
  dims: u32,
  // From one padded list of rows to the next, and the same of columns in vec4s.
  rows_pad: u32,
  cols4: u32,
  // Vectors that a plan is applied to.
  channels: u32,
  // log2(e) / epsilon: exponents are of 2.
  scale: f32,
  // Of an application: elements between its results, and between the states of a solver.
  results: u32,
  control_step: u32,
  // Of a half-iteration: see softmin.
  damping: f32,
  bound: f32,
  relaxation: f32,
  tail: f32,
  limit: f32,
  // Of a Newton system: where its rows and columns begin, and entries per row.
  first_row: u32,
  first_col: u32,
  slots: u32,
}

@group(0) @binding(0) var<storage, read> row_points: array<f32>;
// Of a cost that is given as a matrix: its padded rows.
@group(0) @binding(1) var<storage, read> col_points: array<vec4f>;

// The logarithm of nothing: finite, since WGSL may assume that there is no Infinity.
const NEGLIGIBLE = -1e30;

fn square_term(sum: vec4f, x: f32, y: vec4f, k: u32) -> vec4f {
  let d = vec4f(x) - y;
  return sum + d * d;
}
fn product_term(sum: vec4f, x: f32, y: vec4f, k: u32) -> vec4f { return sum + x * y; }
fn sum_finish(sum: vec4f) -> vec4f { return sum; }
fn root_finish(sum: vec4f) -> vec4f { return sqrt(sum); }
fn cosine_finish(sum: vec4f) -> vec4f { return vec4f(1.0) - sum; }

// What TERM adds up over the coordinates of row i and the columns 4 j4 to 4 j4 + 3.
fn coordinate_sum(problem: u32, i: u32, j4: u32) -> vec4f {
  var sum = vec4f(0.0);
  var x = problem * params.dims * params.rows_pad + i;
  var y = problem * params.dims * params.cols4 + j4;
  for (var k = 0u; k < params.dims; k++) {
    sum = TERM(sum, row_points[x], col_points[y], k);
    x += params.rows_pad;
    y += params.cols4;
  }
  return sum;
}

fn points_cost(problem: u32, i: u32, j4: u32) -> vec4f {
  return FINISH(coordinate_sum(problem, i, j4));
}

fn matrix_cost(problem: u32, i: u32, j4: u32) -> vec4f {
  return col_points[(problem * params.rows + i) * params.cols4 + j4];
}

fn pair_cost(problem: u32, i: u32, j4: u32) -> vec4f {
  return COST(problem, i, j4);
}

// The exponent of 2 of the mass between row i and four columns, but for the row's own weight. Potentials and cost
// are added first: near the solution they cancel.
fn exponents(f: f32, g: vec4f, log_b: vec4f, cost: vec4f) -> vec4f {
  return params.scale * ((f + g) - cost) + log_b;
}
