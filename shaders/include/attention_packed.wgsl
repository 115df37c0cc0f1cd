// Packed rows of attention operands, for the kernels whose lanes are four rows each (see tile_product). Two
// layouts of the rows of an operand, in vec4s:
//   turned   for each four rows, for each element d, the four rows' d-th: D vec4s
//   plain    for each four elements, for each of STEP rows, the row's four: STEP vec4s
// for rows of D elements, which is known at run time only: compilers would unroll loops over it, and run out
// of registers. The including kernel declares `override ROWS`, `override STEP` and the workgroup memory `tile`.
#include "attention_rows"
#include "tile_product"

// Where four rows begin; beyond the last it is read again and not used.
fn four_rows(start: u32, stride: u32, row: u32, rows: u32) -> vec4<u32> {
  let quad = vec4<u32>(0u, 1u, 2u, 3u);
  return start + min(row + quad, vec4<u32>(rows - 1u)) * stride;
}

// Which of four queries, from `query` on, see the key under CAUSAL.
fn sees(query: u32, key: u32) -> vec4<bool> {
  let quad = vec4<u32>(0u, 1u, 2u, 3u);
  return vec4<u32>(key) <= query + quad;
}
