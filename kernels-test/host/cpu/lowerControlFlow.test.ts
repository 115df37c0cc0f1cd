/** Control flow of one invocation, against the same in JavaScript. */
import { describe, expect, test } from "vitest";
import { outputs } from "./runText";

/** What one invocation leaves in out[0]. Where the module speaks of n, that is not a constant. */
const one = async (body: string, module = "", n = 0): Promise<number> => {
  const text = `var<private> n: u32;\n${module}
    @compute @workgroup_size(1) fn main(@builtin(num_workgroups) grid: vec3u) {
      n = grid.x * ${n}u;\n${body}\n}`;
  return (await outputs(text, 1))[0]!;
};

describe("loops", () => {
  test("nest, with break and continue that reach through a switch", async () => {
    const text = `var sum = 0u;
      for (var i = 0u; i < 100u; i++) {
        if (i == n) { break; }
        for (var k = 0u; ; k++) {
          switch (k % 5u) {
            case 1u, 2u: { if (i % 2u == 0u) { continue; } sum += 1u; }
            case 3u: { sum += 10u; break; }
            default: { sum += 100u; }
          }
          if (k > i) { break; }
          sum += k * i;
        }
      }
      out[0] = sum;`;
    let sum = 0;
    for (let i = 0; i < 9; i++)
      for (let k = 0; ; k++) {
        if (k % 5 === 1 || k % 5 === 2) {
          if (i % 2 === 0) continue;
          sum += 1;
        } else if (k % 5 === 3) sum += 10;
        else sum += 100;
        if (k > i) break;
        sum += k * i;
      }
    expect(await one(text, "", 9)).toBe(sum);
  });

  test("run their continuing on continue, and leave by break-if", async () => {
    const text = `var i = 0u; var sum = 0u;
      loop {
        let twice = i * 2u; var odd: u32; odd += i & 1u;
        if (odd == 1u) { continue; }
        sum += 100u;
        continuing { sum += twice; i += 1u + odd; break if i > 10u + odd; }
      }
      out[0] = sum;`;
    let [i, sum] = [0, 0];
    for (;;) {
      const [twice, odd] = [i * 2, i & 1];
      if (!odd) sum += 100;
      sum += twice;
      i += 1 + odd;
      if (i > 10 + odd) break;
    }
    expect(await one(text)).toBe(sum);
  });

  test("whose body always leaves run once", async () => {
    expect(
      await one(
        "var i = 3u; loop { i++; if (i > n) { break; } else { out[0] = i; return; } continuing { i = 99u; } } out[0] = 50u;",
        "",
        1,
      ),
    ).toBe(50);
    expect(await one("for (var i = 0u; i < 5u; i++) { out[0] += 7u; return; }")).toBe(7);
  });

  test("zero the variables of their bodies on every round, in registers and in memory", async () => {
    const text = (count: string) => `var sum = 0u;
      for (var i = 0u; i < ${count}; i++) {
        var x: u32; var t: array<u32, 3>; var big: array<u32, 80>;
        x += i; t[(i + n) % 3u] += 5u; big[i * 7u] += 9u;
        sum = sum * 3u + x + t[0] * 2u + t[i % 3u] + big[7] + big[i];
      }
      out[0] = sum;`;
    let sum = 0;
    for (let i = 0; i < 6; i++) {
      const t = [0, 0, 0];
      const big = new Array(80).fill(0);
      t[(i + 2) % 3]! += 5;
      big[i * 7] += 9;
      sum = (sum * 3 + i + t[0]! * 2 + t[i % 3]! + big[7] + big[i]) % 2 ** 32;
    }
    expect(await one(text("6u"), "", 2)).toBe(sum);
    expect(await one(text("n + 4u"), "", 2)).toBe(sum);
  });

  test.each([
    ["i < 10u", "i++", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ["i <= 9u", "i += 3u", [0, 3, 6, 9]],
    ["i != 8u", "i += 2u", [0, 2, 4, 6]],
    ["i < 0u", "i++", []],
  ])("of few rounds are unrolled to what they do: %s; %s", async (condition, step, rounds) => {
    expect(
      await one(
        `var h = 1u; for (var i = 0u; ${condition}; ${step}) { h = h * 31u + i; } out[0] = h;`,
      ),
    ).toBe(rounds.reduce((h, i) => (Math.imul(h, 31) + i) >>> 0, 1));
  });

  test("of few rounds may count down, double and halve", async () => {
    expect(
      await one(`var h = 1u;
        for (var i = 5i; i >= -1; i -= 2) { h = h * 31u + u32(i + 1); }
        for (var i = 1u; i < 20u; i <<= 1u) { h = h * 31u + i; }
        for (var i = 64u; i > 1u; i /= 4u) { h = h * 31u + i; }
        for (var i = -64; i < -1; i >>= 1u) { h = h * 31u + u32(-i); }
        out[0] = h;`),
    ).toBe(
      [6, 4, 2, 0, 1, 2, 4, 8, 16, 64, 16, 4, 64, 32, 16, 8, 4, 2].reduce(
        (h, i) => (Math.imul(h, 31) + i) >>> 0,
        1,
      ),
    );
  });

  test("whose counter or bound changes through a pointer are not taken for counting ones", async () => {
    expect(
      await one(
        "var i = 0u; let p = &i; var n = 0u; for (; i < 10u; i++) { *p += 1u; n++; } out[0] = n * 100u + i;",
      ),
    ).toBe(510);
    expect(
      await one(
        "var end = 8u; let p = &end; var n = 0u; for (var i = 0u; i < end; i++) { *p -= 1u; n++; } out[0] = n;",
      ),
    ).toBe(4);
    expect(
      await one(
        "var i = 0u; var n = 0u; for (; i < 10u; i++) { skip(&i); n++; } out[0] = n;",
        "fn skip(p: ptr<function, u32>) { *p += 4u; }",
      ),
    ).toBe(2);
  });

  test("whose counter or bound is private and changes in a function are not taken for counting ones", async () => {
    expect(
      await one(
        "var n = 0u; for (i = 0u; i < end; i++) { skip(); n++; } out[0] = n * 100u + end;",
        "var<private> i: u32; var<private> end: u32 = 10u; fn skip() { i += 1u; end -= 1u; }",
      ),
    ).toBe(406);
  });
});

describe("switch", () => {
  test("runs the clause that matches, or the default wherever it stands", async () => {
    const text = `fn pick(x: i32) -> u32 {
        switch (x) { case -1: { return 1u; } default: { return 2u; } case 5, 6: { return 3u; } case 7: { } }
        return 4u;
      }`;
    expect(
      await one(
        "out[0] = pick(i32(n)) + 10u * pick(i32(n) + 6) + 100u * pick(i32(n) + 7) + 1000u * pick(i32(n) + 8) + 10000u * pick(-9);",
        text,
        2 ** 32 - 1,
      ),
    ).toBe(24331);
  });

  test("may have a default that shares a clause", async () => {
    expect(
      await one(
        "for (var i = 0u; i < 4u; i++) { out[0] *= 10u; switch (i) { case 1u, default: { out[0] += 7u; } case 2u: { out[0] += 1u; } } }",
      ),
    ).toBe(7717);
  });

  test("joins variables of all its clauses", async () => {
    expect(
      await one(
        `var a = 1u; var b = vec2u(2, 3);
        for (var i = 0u; i < n; i++) {
          switch (i) { case 0u: { a = 5u; } case 1u: { b.x += a; break; } case 2u: { if (a == 5u) { b.y = 9u; break; } a = 0u; } default: { a += b.x + b.y; } }
        }
        out[0] = a * 10000u + b.x * 100u + b.y;`,
        "",
        4,
      ),
    ).toBe(21 * 10000 + 709);
  });
});

describe("returns", () => {
  test("end functions and the kernel early, out of loops too", async () => {
    const module = `
      fn first(limit: u32) -> u32 {
        for (var i = 0u; i < 100u; i++) { for (var k = 0u; k < i; k++) { if (i * k > limit) { return i * 100u + k; } } if (i == 50u) { return 1u; } }
        return 2u;
      }
      fn nothing(p: ptr<function, u32>) { if (n > 3u) { *p += 1u; return; } *p += 100u; }`;
    expect(
      await one(
        "var x = 0u; nothing(&x); nothing(&x); out[0] = first(n) * 10u + x; if (x == 2u) { return; } out[0] = 0u;",
        module,
        4,
      ),
    ).toBe(3020 + 2);
  });

  test("of composites give all their parts", async () => {
    expect(
      await one(
        "let a = make(n); let b = make(1u); out[0] = a.m[1] + a.v.y * 10u + b.m[0] * 100u + b.v.x * 1000u;",
        `struct S { m: array<u32, 2>, v: vec2u }
        fn make(x: u32) -> S { var s: S; if (x > 5u) { s.m[1] = 3u; return s; } s.v.x = 4u; return S(array<u32, 2>(x, 0u), s.v + 1u); }`,
        7,
      ),
    ).toBe(3 + 100 + 5000);
  });
});

describe("evaluation", () => {
  const module = `var<private> log: u32;
    fn say(x: u32) -> u32 { log = log * 10u + x; return x; }
    fn agree(x: u32, yes: bool) -> bool { log = log * 10u + x; return yes; }`;

  test("goes from left to right, each part once", async () => {
    expect(
      await one(
        `var t: array<u32, 9>;
        t[say(1u)] = say(2u) + say(3u) * t[say(4u)];
        t[say(5u)] += say(6u);
        let v = vec3u(say(7u), vec2u(say(8u), say(9u)));
        out[0] = log + v.x - t[5] - t[1] + 1u;`,
        module,
      ),
    ).toBe(123456789 + 7 - 6 - 2 + 1);
  });

  test("of && and || leaves out the right side where the left decides", async () => {
    expect(
      await one(
        `let a = agree(1u, n == 0u) && agree(2u, true); let b = agree(3u, n == 3u) && agree(4u, false);
        let c = agree(5u, n == 3u) || agree(6u, true); let d = agree(7u, false) || agree(8u, n == 3u);
        out[0] = log * 16u + u32(a) * 8u + u32(b) * 4u + u32(c) * 2u + u32(d);`,
        module,
        3,
      ),
    ).toBe(134578 * 16 + 3);
  });

  test("of an operand is not changed by what a later one does", async () => {
    expect(
      await one(
        "var x = 5u; let p = &x; let y = x * 100u + bump(p) * 10u + x; mine = 3u; out[0] = y + (mine + touch() + mine) * 10000u;",
        `fn bump(p: ptr<function, u32>) -> u32 { *p += 1u; return *p; }
        var<private> mine: u32; fn touch() -> u32 { mine += 4u; return 1u; }`,
      ),
    ).toBe(566 + 110000);
  });

  test("of a compound assignment reads its place first, in registers and in memory", async () => {
    expect(
      await one(
        "var x = 1u; x += bump(&x); var t = array<u32, 70>(); t[n] = 1u; t[n] += bump(&t[n]); out[0] = x * 10u + t[3];",
        "fn bump(p: ptr<function, u32>) -> u32 { *p += 5u; return *p; }",
        3,
      ),
    ).toBe(77);
  });

  test("of arguments that call the same function keeps them apart", async () => {
    expect(
      await one(
        "out[0] = sub(sub(n, 3u), sub(sub(9u, 1u), 2u));",
        "fn sub(x: u32, y: u32) -> u32 { return x - y; }",
        20,
      ),
    ).toBe(11);
  });
});
