// Blocks of 4x4 of a and b, for kernels that bring their operands into an order of their own first. The
// including kernel declares the type T, the bindings `a`, `b` and, of the same memory, `a4` and `b4` of
// vec4s, and the overrides LOAD_A and LOAD_B:
//   0: element by element, any strides. 1: vec4s along m (of a) or n (of b). 2: vec4s along k.
// For vec4s the offset and all strides but that of 1 are whole vec4s.
#include "matmul"
const quad = vec4<u32>(0u, 1u, 2u, 3u);

// Four neighbours along m or n (from `line`) times four along k, of `depth` in all: one column per k. What lies outside the
// matrix repeats its last line, or comes from beside it; it is not used.
fn block_a(start: u32, depth: u32, line: u32, k: u32) -> mat4x4f {
  let last = params.m - 1u;
  let ks = min(k + quad, vec4<u32>(depth - 1u)) * params.a_col;
  if (LOAD_A == 1u) {
    let base = start + min(line, last & ~3u) + ks;
    return mat4x4f(vec_a(base.x), vec_a(base.y), vec_a(base.z), vec_a(base.w));
  }
  let base = start + min(line + quad, vec4<u32>(last)) * params.a_row;
  if (LOAD_A == 2u) {
    let ends = base + min(k, (depth - 1u) & ~3u);
    return transpose(mat4x4f(vec_a(ends.x), vec_a(ends.y), vec_a(ends.z), vec_a(ends.w)));
  }
  return mat4x4f(pick_a(base + ks.x), pick_a(base + ks.y), pick_a(base + ks.z), pick_a(base + ks.w));
}

fn vec_a(at: u32) -> vec4f {
  return vec4f(a4[at >> 2u]);
}

fn pick_a(at: vec4<u32>) -> vec4f {
  return vec4f(vec4<T>(a[at.x], a[at.y], a[at.z], a[at.w]));
}

fn block_b(start: u32, depth: u32, line: u32, k: u32) -> mat4x4f {
  let last = params.n - 1u;
  let ks = min(k + quad, vec4<u32>(depth - 1u)) * params.b_row;
  if (LOAD_B == 1u) {
    let base = start + min(line, last & ~3u) + ks;
    return mat4x4f(vec_b(base.x), vec_b(base.y), vec_b(base.z), vec_b(base.w));
  }
  let base = start + min(line + quad, vec4<u32>(last)) * params.b_col;
  if (LOAD_B == 2u) {
    let ends = base + min(k, (depth - 1u) & ~3u);
    return transpose(mat4x4f(vec_b(ends.x), vec_b(ends.y), vec_b(ends.z), vec_b(ends.w)));
  }
  return mat4x4f(pick_b(base + ks.x), pick_b(base + ks.y), pick_b(base + ks.z), pick_b(base + ks.w));
}

fn vec_b(at: u32) -> vec4f {
  return vec4f(b4[at >> 2u]);
}

fn pick_b(at: vec4<u32>) -> vec4f {
  return vec4f(vec4<T>(b[at.x], b[at.y], b[at.z], b[at.w]));
}
