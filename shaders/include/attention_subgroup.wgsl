// Rows shared by a subgroup: each invocation holds one row's vec4, and sees those of its neighbours.

// x . y of four neighbours.
fn dots(x: vec4f, y: vec4f, first: u32) -> vec4f {
  return vec4f(
    dot(x, subgroupShuffle(y, first)),
    dot(x, subgroupShuffle(y, first + 1u)),
    dot(x, subgroupShuffle(y, first + 2u)),
    dot(x, subgroupShuffle(y, first + 3u)),
  );
}

// sum of p_n times the y of four neighbours.
fn blend(p: vec4f, y: vec4f, first: u32) -> vec4f {
  return (p.x * subgroupShuffle(y, first) + p.y * subgroupShuffle(y, first + 1u)) +
    (p.z * subgroupShuffle(y, first + 2u) + p.w * subgroupShuffle(y, first + 3u));
}

// The x of four neighbours.
fn gathered(x: f32, first: u32) -> vec4f {
  return vec4f(
    subgroupShuffle(x, first),
    subgroupShuffle(x, first + 1u),
    subgroupShuffle(x, first + 2u),
    subgroupShuffle(x, first + 3u),
  );
}
