import { expect, test } from "vitest";
import { reachable } from "../../src/kernels/reachable";

const text = `// The head stays.
alias T = f32;

// Calls b.
fn a(x: f32) -> f32 { return b(x); }
// Used by a; has braces inside.
fn b(x: f32) -> f32 {
  if (x > 0.0) { return x; }
  return -x;
}

// Nobody's.
// Two lines of comment.
fn c(x: f32) -> f32 {
  return a(x);
}
fn d(x: f32) -> f32 { return x; }
struct Params { count: u32 }
@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
) {
  let y = OP(f32(id.x));
}
`;

test("a text keeps its roots, what they call, and everything that is no function", () => {
  expect(reachable(text, ["main", "a"])).toBe(`// The head stays.
alias T = f32;

// Calls b.
fn a(x: f32) -> f32 { return b(x); }
// Used by a; has braces inside.
fn b(x: f32) -> f32 {
  if (x > 0.0) { return x; }
  return -x;
}

struct Params { count: u32 }
@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
) {
  let y = OP(f32(id.x));
}
`);
});

test("all roots keep the whole text", () => {
  expect(reachable(text, ["main", "c", "d"])).toBe(text);
});

test("a function that two texts bring along stays once", () => {
  const one = "fn a(x: f32) -> f32 { return x; }\n";
  expect(reachable(`${one}alias T = f32;\n${one}`, ["a"])).toBe(`${one}alias T = f32;\n`);
});
