// What the rows of one block add to the cotangents of weight and bias. The including kernel declares
// `alias V = f32; // f32 | vec4f`, the bindings x, mean, rstd and g, and parameters rows, cols and depth.
struct BlockSums {
  weight: V,
  bias: V,
}

fn sums_of_block(b: u32, c: u32) -> BlockSums {
  let first = b * params.depth;
  let last = min(first + params.depth, params.rows);
  var sums = BlockSums(V(0.0), V(0.0));
  for (var r = first; r < last; r++) {
    let at = r * params.cols + c;
    let cotangent = g[at];
    sums.weight += cotangent * ((x[at] - mean[r]) * rstd[r]);
    sums.bias += cotangent;
  }
  return sums;
}
