// The operands of the forward kernels. A missing mask or key may be bound to anything that is read.
struct Params {
  q_layout: vec4<u32>,
  k_layout: vec4<u32>,
  v_layout: vec4<u32>,
  o_layout: vec4<u32>,
  mask_layout: vec4<u32>,
  queries: u32,
  keys: u32,
  // Query heads, and how many of them share a key head.
  heads: u32,
  group: u32,
  // Of the rows that the grid covers.
  pairs: u32,
  // D / 4.
  width: u32,
  // s / log 2: powers of 2 cost less than those of e.
  scale: f32,
  // Elements between the masks of neighbouring keys.
  mask_step: u32,
  key_offset: u32,
  // Keys to draw from, and pairs that a draw goes through before it begins again.
  draws: u32,
  drawn: u32,
  stream: u32,
  // (1 - p) 2^31, and 1 / (1 - p).
  keep_bound: u32,
  keep_scale: f32,
}

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read> drop_key: array<u32>;
@group(0) @binding(5) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;
