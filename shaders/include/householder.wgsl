// Householder reflections H = I - tau v v^T. The including kernel binds the rows of vec4s that become the
// vectors v as `reflectors`.
struct Reflection { beta: f32, tau: f32 }

const LANES_OF_FOUR = vec4<u32>(0u, 1u, 2u, 3u);

fn sum_of_four(v: vec4<f32>) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

fn largest_of_four(v: vec4<f32>) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

// The vec4 `g` of a row, with zeros for the elements before `first`.
fn from_first(v: vec4<f32>, g: u32, first: u32) -> vec4<f32> {
  return select(v, vec4<f32>(), LANES_OF_FOUR + 4u * g < vec4<u32>(first));
}

// The row x that starts at vec4 `base` and has `end` of them becomes v with v_first = 1 and zeros before it,
// so that H x = beta e_first on the elements from `first` on. H = I where the rest of x is zero already, or
// so small that its squares would be lost.
fn reflect_to_first(base: u32, first: u32, end: u32) -> Reflection {
  let begin = first / 4u;
  let x = reflectors[base + begin][first % 4u];
  var peaks = abs(from_first(reflectors[base + begin], begin, first + 1u));
  for (var g = begin + 1u; g < end; g++) { peaks = max(peaks, abs(reflectors[base + g])); }
  let rest = largest_of_four(peaks);
  for (var g = 0u; g < begin; g++) { reflectors[base + g] = vec4<f32>(); }
  if (rest < 1e-30) {
    for (var g = begin; g < end; g++) { reflectors[base + g] = vec4<f32>(); }
    return Reflection(x, 0.0);
  }
  let peak = max(rest, abs(x));
  let unit = 1.0 / peak;
  let head = from_first(reflectors[base + begin], begin, first) * unit;
  var squares = head * head;
  for (var g = begin + 1u; g < end; g++) {
    let scaled = reflectors[base + g] * unit;
    squares += scaled * scaled;
  }
  let norm = peak * sqrt(sum_of_four(squares));
  let beta = select(-norm, norm, x < 0.0);
  let factor = 1.0 / (x - beta);
  let begun = from_first(reflectors[base + begin], begin, first + 1u) * factor;
  reflectors[base + begin] = select(begun, vec4<f32>(1.0), LANES_OF_FOUR + 4u * begin == vec4<u32>(first));
  for (var g = begin + 1u; g < end; g++) { reflectors[base + g] *= factor; }
  return Reflection(beta, (beta - x) / beta);
}
