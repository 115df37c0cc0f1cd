// Element r of the reduced dimensions from `base` on: the including kernel declares REDUCED_RANK, the types
// T and V, the binding `x`, and parameters `reduced_shape` and `reduced_strides`.
#include "strided"
fn element(base: u32, r: u32) -> V {
  if (REDUCED_RANK == 1u) { return V(x[base + r * dim_of(params.reduced_strides, 0u)]); }
  var rest = r;
  var at = base;
  for (var d = REDUCED_RANK; d > 0u; d--) {
    let size = dim_of(params.reduced_shape, d - 1u);
    at += (rest % size) * dim_of(params.reduced_strides, d - 1u);
    rest /= size;
  }
  return V(x[at]);
}
