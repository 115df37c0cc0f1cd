// Walking operands along rows in vec4s: RANK sizes, the last counted in vec4s. An operand that lies along the rows has
// its strides counted in vec4s, one that repeats a number along each row in elements. The including kernel declares
// `override RANK`, `override BY_GROUP` and a parameter `shape`.
#include "strided"

struct Place {
  // Row-major over all dimensions but the last.
  row: u32,
  // In vec4s.
  column: u32,
}

// BY_GROUP: a workgroup stays in one row, and divides for all its 64 invocations; else rows may be short.
fn place_of(group: u32, local: u32) -> Place {
  let columns = dim_of(params.shape, RANK - 1u);
  if (BY_GROUP == 1u) {
    let groups = (columns + 63u) / 64u;
    let row = group / groups;
    return Place(row, (group - row * groups) * 64u + local);
  }
  let item = group * 64u + local;
  let row = item / columns;
  return Place(row, item - row * columns);
}

fn row_start(row: u32, strides: array<vec4<u32>, 2>) -> u32 {
  var rest = row;
  var start = 0u;
  for (var d = RANK - 1u; d > 1u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let above = rest / size;
    start += (rest - above * size) * dim_of(strides, d - 1u);
    rest = above;
  }
  return start + rest * dim_of(strides, 0u);
}
