// Where the reduced elements of one result begin: the including kernel declares OUTER_RANK, and parameters
// `offset`, `outer_shape` and `outer_strides`.
#include "strided"
fn outer_base(item: u32) -> u32 {
  var rest = item;
  var base = params.offset;
  for (var d = OUTER_RANK - 1u; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d);
    let above = rest / size;
    base += (rest - above * size) * dim_of(params.outer_strides, d);
    rest = above;
  }
  return base + rest * dim_of(params.outer_strides, 0u);
}
