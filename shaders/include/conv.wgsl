// What the two kernels of arranged convolutions share. They multiply matrices that are not stored: a row is
// an output pixel of an image, a column is an output channel, and what is summed over are the taps of the
// kernel and, for each tap, the input channels. conv/arrange has written the operands so that
//   x [group, image, position, channel]  holds every position a tap can meet, with zeros where there is no input
//   w [group, tap, channel, out]         has the output channels last, in multiples of 8
// The place in x of a row and a tap is then the sum of a number for the row and one for the tap.
struct Params {
  // Output pixels of all images, output channels, and taps times channels; of each group.
  rows: u32,
  cols: u32,
  inner: u32,
  channels: u32,
  // Output pixels of an image, and the sizes of its inner two dimensions.
  pixels: u32,
  pixels_1: u32,
  pixels_2: u32,
  taps_1: u32,
  taps_2: u32,
  // Where the first tap of the first pixel lies in x, and distances in x, in elements: of images, of groups, of
  // neighbouring pixels and taps by dimension.
  x_start: u32,
  image: u32,
  x_group: u32,
  pixel_0: u32,
  pixel_1: u32,
  pixel_2: u32,
  tap_0: u32,
  tap_1: u32,
  tap_2: u32,
  // Distances in w and y, and where the first pixel lies in y: neighbouring pixels need not be neighbours there.
  w_group: u32,
  w_row: u32,
  y_start: u32,
  y_image: u32,
  y_group: u32,
  y_out: u32,
  y_0: u32,
  y_1: u32,
  y_2: u32,
  // 1: add the bias. 0: there is none, and some other operand stands in its binding.
  biased: u32,
  bias_group: u32,
  bias_col: u32,
  bias_offset: u32,
  // Workgroups side by side along the columns, in one group, and in all.
  groups_n: u32,
  groups_product: u32,
  groups: u32,
}

// Where the first tap of a row lies in its group of x; of rows beyond the last, that of the last.
fn row_at(row: u32) -> u32 {
  let r = min(row, params.rows - 1u);
  let pixel = r % params.pixels;
  let line = pixel / params.pixels_2;
  return r / params.pixels * params.image
    + line / params.pixels_1 * params.pixel_0
    + line % params.pixels_1 * params.pixel_1
    + pixel % params.pixels_2 * params.pixel_2;
}

// How far from there tap and channel i lie.
fn inner_at(inner: u32) -> u32 {
  let i = min(inner, params.inner - 1u);
  let tap = i / params.channels;
  let line = tap / params.taps_2;
  return i % params.channels
    + tap % params.taps_2 * params.tap_2
    + line % params.taps_1 * params.tap_1
    + line / params.taps_1 * params.tap_0;
}

// Where a row of column 0 lies in its group of y.
fn out_at(row: u32) -> u32 {
  let pixel = row % params.pixels;
  let line = pixel / params.pixels_2;
  return params.y_start + row / params.pixels * params.y_image
    + line / params.pixels_1 * params.y_0
    + line % params.pixels_1 * params.y_1
    + pixel % params.pixels_2 * params.y_2;
}

fn bias_at(group: u32, col: u32) -> f32 {
  if (params.biased == 0u) { return 0.0; }
  return f32(bias[params.bias_offset + group * params.bias_group + col * params.bias_col]);
}
