// What the kernels around the products of a Winograd convolution F(2x2, 3x3) share (Lavin, Gray 2016, "Fast
// algorithms for convolutional neural networks", section 4.1). Tiles of 2x2 pixels are numbered by image, then
// row, then column, and come in fours, of which the last may be beyond the end. Each sees 4x4 elements of x.
struct Tiles {
  image: vec4<u32>,
  // The first pixel of each.
  row: vec4<u32>,
  column: vec4<u32>,
}

// The tiles `first` to first + 3; those beyond the end lie in images that do not exist.
fn tiles_at(first: u32, down: u32, across: u32) -> Tiles {
  let tile = first + vec4<u32>(0u, 1u, 2u, 3u);
  let line = tile / across;
  return Tiles(line / down, line % down * 2u, tile % across * 2u);
}
