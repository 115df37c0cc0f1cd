// Windows of pooling over up to three dimensions, those that are missing of size 1 in front. The including
// kernel says by the slots TAPS and MET how they lie:
//   regular   window q begins at q stride - low and has `window` places `dilation` apart; those outside the
//             input count for nothing
//   adaptive  window q goes from floor(q size / pixels) to ceil((q + 1) size / pixels), exclusive
struct Params {
  count: u32,
  // Numbers of rows' elements: of the input and of the result.
  size_row: u32,
  pixels_row: u32,
  // What averages are multiplied by.
  scale: f32,
  size: vec4<i32>,
  pixels: vec4<i32>,
  window: vec4<i32>,
  stride: vec4<i32>,
  low: vec4<i32>,
  dilation: vec4<i32>,
}

// The windows along one dimension.
struct Line {
  size: i32,
  pixels: i32,
  window: i32,
  stride: i32,
  low: i32,
  dilation: i32,
}

// Worked out before a loop over windows: a component that is chosen at run time is slow to read.
fn line_of(d: u32) -> Line {
  return Line(
    params.size[d], params.pixels[d], params.window[d], params.stride[d], params.low[d],
    params.dilation[d]);
}

// Elements of the input that a window sees along one dimension.
struct Taps {
  first: i32,
  count: i32,
  step: i32,
}

fn taps_regular(line: Line, q: i32) -> Taps {
  let start = q * line.stride - line.low;
  let step = line.dilation;
  var before = max(-start, 0);
  var inside = max(line.size - start, 0);
  // Divisions are slow where there is no gap to divide by.
  if (step > 1) {
    before = (before + step - 1) / step;
    inside = (inside + step - 1) / step;
  }
  return Taps(start + before * step, max(min(line.window, inside) - before, 0), step);
}

fn taps_adaptive(line: Line, q: i32) -> Taps {
  let first = q * line.size / line.pixels;
  let end = ((q + 1) * line.size + line.pixels - 1) / line.pixels;
  return Taps(first, end - first, 1);
}

// Windows that see an element along one dimension: from `first` to `last`, but only those from whose start it
// is a whole number of `dilation` away. It is `place` away from the start of the first, and `stride` less
// from that of each next one.
struct Met {
  first: i32,
  last: i32,
  place: i32,
  stride: i32,
  dilation: i32,
}

fn met_regular(line: Line, s: i32) -> Met {
  let stride = line.stride;
  let at = s + line.low;
  let beyond = max(at - (line.window - 1) * line.dilation, 0);
  let first = (beyond + stride - 1) / stride;
  return Met(first, min(at / stride, line.pixels - 1), at - first * stride, stride, line.dilation);
}

fn met_adaptive(line: Line, s: i32) -> Met {
  let first = s * line.pixels / line.size;
  let last = ((s + 1) * line.pixels + line.size - 1) / line.size - 1;
  return Met(first, last, 0, 0, 1);
}

fn sees(met: Met, q: i32) -> bool {
  return (met.place - (q - met.first) * met.stride) % met.dilation == 0;
}

// Neighbours along the last of three dimensions, from place.z to before `end`, in row `row` of many; `line` is
// where place.z = 0 would lie.
struct Segment {
  row: u32,
  line: u32,
  place: vec3<i32>,
  end: i32,
}

// Segment `item` of lines that are cut into segments of `length`.
fn segment_at(item: u32, length: u32, size: vec4<i32>) -> Segment {
  let segments = (u32(size.z) + length - 1u) / length;
  let line = item / segments;
  let plane = line / u32(size.y);
  let start = i32(item % segments * length);
  return Segment(
    plane / u32(size.x),
    line * u32(size.z),
    vec3<i32>(i32(plane % u32(size.x)), i32(line % u32(size.y)), start),
    min(start + i32(length), size.z),
  );
}

// A position along three dimensions.
fn place_of(flat: i32, size: vec4<i32>) -> vec3<i32> {
  let line = flat / size.z;
  return vec3<i32>(line / size.y, line % size.y, flat % size.z);
}
