// The product of packed tiles, for compilers that turn a vec4 into a SIMD register. The including kernel
// declares `var<workgroup> tile: array<vec4f, ...>`, which holds all of them.
//
// Adds sum_k a[k] b[k]^T to a block of 4 rows and 8 columns: a[k], four rows, is tile[a + k]; b[k], eight
// columns, is tile[b + k] and tile[b + k + apart]; row i of the block is tile[c + i] and tile[c + i + across].
// `apart` should be a constant: it becomes part of the address.
//
// Eight sums, two vec4s of b and the elements of a, one after the other, fit into the 16 registers that x86
// has. The loop is not unrolled: a compiler that moves all loads of an iteration to its start runs out of
// them. Every sum runs over k in order.
fn multiply(a: u32, b: u32, apart: u32, c: u32, across: u32, count: u32) {
  let c1 = c + across;
  var x0 = tile[c];
  var x1 = tile[c + 1u];
  var x2 = tile[c + 2u];
  var x3 = tile[c + 3u];
  var y0 = tile[c1];
  var y1 = tile[c1 + 1u];
  var y2 = tile[c1 + 2u];
  var y3 = tile[c1 + 3u];
  for (var k = 0u; k < count; k++) {
    let u = tile[b + k];
    let v = tile[b + k + apart];
    let a0 = vec4f(tile[a + k].x);
    x0 += a0 * u;
    y0 += a0 * v;
    let a1 = vec4f(tile[a + k].y);
    x1 += a1 * u;
    y1 += a1 * v;
    let a2 = vec4f(tile[a + k].z);
    x2 += a2 * u;
    y2 += a2 * v;
    let a3 = vec4f(tile[a + k].w);
    x3 += a3 * u;
    y3 += a3 * v;
  }
  tile[c] = x0;
  tile[c + 1u] = x1;
  tile[c + 2u] = x2;
  tile[c + 3u] = x3;
  tile[c1] = y0;
  tile[c1 + 1u] = y1;
  tile[c1 + 2u] = y2;
  tile[c1 + 3u] = y3;
}

// Four vec4s one after the other.
fn put_block(at: u32, x: mat4x4f) {
  tile[at] = x[0];
  tile[at + 1u] = x[1];
  tile[at + 2u] = x[2];
  tile[at + 3u] = x[3];
}

fn get_block(at: u32) -> mat4x4f {
  return mat4x4f(tile[at], tile[at + 1u], tile[at + 2u], tile[at + 3u]);
}
