// What the matmul kernels share: c[batch, m, n] = a[batch, m, k] b[batch, k, n] + bias[m, n], where each
// operand has any row and column stride, so that a transposed matrix is only another pair of strides, and
// any batch strides, 0 where it is broadcast. All strides and offsets are in elements.
struct Params {
  m: u32,
  n: u32,
  k: u32,
  a_row: u32,
  a_col: u32,
  b_row: u32,
  b_col: u32,
  c_row: u32,
  c_col: u32,
  a_offset: u32,
  b_offset: u32,
  // 1: add the bias, of which one stride is 0. 0: there is none, and some other operand stands in its binding.
  biased: u32,
  bias_row: u32,
  bias_col: u32,
  bias_offset: u32,
  // The column of c that an element at (row, col) of the computed product lies in is row * column_row + col *
  // column_col: for epilogues, which may take a vector along the columns.
  column_row: u32,
  column_col: u32,
  // The bits of +infinity, for the functions of epilogues.
  infinity: u32,
  // Elements of one product.
  c_batch: u32,
  // Of sums that are cut into parts: `k` is what each part adds up and the last may fall short of, k_all what all
  // add up together. The parts are the outermost dimension of the batch, part_products products in each.
  k_all: u32,
  part_products: u32,
  // Workgroups side by side along n, in one product, and in all.
  groups_n: u32,
  groups_product: u32,
  groups: u32,
  batch_rank: u32,
  batch_shape: array<vec4<u32>, 2>,
  a_batch: array<vec4<u32>, 2>,
  b_batch: array<vec4<u32>, 2>,
}

// Where the three matrices of one product begin, and how many products of elements each sum has.
struct Product {
  a: u32,
  b: u32,
  c: u32,
  k: u32,
}

fn product(batch: u32) -> Product {
  var at = Product(params.a_offset, params.b_offset, batch * params.c_batch, params.k);
  let left = params.k_all - (batch / params.part_products) * params.k;
  if (left < at.k) { at.k = left; }
  var rest = batch;
  for (var d = params.batch_rank; d > 0u; d--) {
    let size = dim_of(params.batch_shape, d - 1u);
    let index = rest % size;
    rest /= size;
    at.a += index * dim_of(params.a_batch, d - 1u);
    at.b += index * dim_of(params.b_batch, d - 1u);
  }
  return at;
}

// u v^T: column j is u * v[j].
fn outer(u: vec4f, v: vec4f) -> mat4x4f {
  return mat4x4f(u * v.x, u * v.y, u * v.z, u * v.w);
}

// 0 where there is no bias.
fn bias_at(row: u32, col: u32) -> f32 {
  if (params.biased == 0u) { return 0.0; }
  return f32(bias[params.bias_offset + row * params.bias_row + col * params.bias_col]);
}
