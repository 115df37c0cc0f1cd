// Matrices that a subgroup holds together, by the experimental extension of Dawn, whose syntax still changes: all of
// it is here. The including kernel enables it and declares the type T of the operands, the constants SIZE_M, SIZE_N
// and SIZE_K of one multiplication, and in workgroup memory `tile_a` and `tile_b`, arrays of T, and `tile_c`, an
// array of f32. Sources: https://dawn.googlesource.com/dawn/+/refs/heads/main/docs/dawn/features/subgroup_matrix.md
alias Left = subgroup_matrix_left<T, SIZE_K, SIZE_M>;
alias Right = subgroup_matrix_right<T, SIZE_N, SIZE_K>;
alias Sums = subgroup_matrix_result<f32, SIZE_N, SIZE_M>;

// Rows `stride` elements apart.
fn load_left(at: u32, stride: u32) -> Left {
  return subgroupMatrixLoad<Left, row_major>(&tile_a, at, stride);
}

fn load_right(at: u32, stride: u32) -> Right {
  return subgroupMatrixLoad<Right, row_major>(&tile_b, at, stride);
}

fn multiply_add(left: Left, right: Right, sums: Sums) -> Sums {
  return subgroupMatrixMultiplyAccumulate(left, right, sums);
}

fn store_sums(at: u32, sums: Sums, stride: u32) {
  subgroupMatrixStore<row_major>(&tile_c, at, sums, stride);
}
