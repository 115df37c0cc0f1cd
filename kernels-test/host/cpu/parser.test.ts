import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Expression } from "../../../src/cpu/wgsl/ast";
import { parse } from "../../../src/cpu/wgsl/parser";
import { ShaderError } from "../../../src/cpu/wgsl/shaderError";
import { allKernels } from "../../../src/kernels";
import { specialise } from "../../../src/kernels/kernel";

/** The expression, fully bracketed: what the parser understood. */
function shown(e: Expression): string {
  const list = (items: readonly Expression[]) => items.map(shown).join(", ");
  switch (e.kind) {
    case "literal":
      return String(e.value);
    case "identifier":
      return e.template ? `${e.name}<${list(e.template)}>` : e.name;
    case "call":
      return `${shown(e.callee)}(${list(e.args)})`;
    case "index":
      return `${shown(e.of)}[${shown(e.index)}]`;
    case "member":
      return `${shown(e.of)}.${e.name}`;
    case "unary":
      return `${e.operator}${shown(e.operand)}`;
    case "binary":
      return `(${shown(e.left)} ${e.operator} ${shown(e.right)})`;
  }
}

function understood(expression: string): string {
  const declaration = parse(`const x = ${expression};`).declarations[0]!;
  if (declaration.kind !== "const") throw new Error("not a const");
  return shown(declaration.value);
}

function literal(text: string) {
  const declaration = parse(`const x = ${text};`).declarations[0]!;
  if (declaration.kind !== "const" || declaration.value.kind !== "literal")
    throw new Error(`${text} is not one literal`);
  return declaration.value;
}

function errorOf(text: string): ShaderError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe("expressions group as the grammar says", () => {
  test.each([
    ["a + b * c - d", "((a + (b * c)) - d)"],
    ["a / b % c * d", "(((a / b) % c) * d)"],
    ["-a * !b", "(-a * !b)"],
    ["- - ~a", "--~a"],
    ["-a.b[1].c", "-a.b[1].c"],
    ["*p + &q", "(*p + &q)"],
    ["a & b & c", "((a & b) & c)"],
    ["a | (b & c)", "(a | (b & c))"],
    ["a ^ -b", "(a ^ -b)"],
    ["a << 2u", "(a << 2)"],
    ["-a >> b", "(-a >> b)"],
    ["a + b < c * d", "((a + b) < (c * d))"],
    ["a << b == c >> d", "((a << b) == (c >> d))"],
    ["a < b && c >= d && e", "(((a < b) && (c >= d)) && e)"],
    ["a || b == c || !d", "((a || (b == c)) || !d)"],
    ["f(a, b,)", "f(a, b)"],
    ["v.xy.x", "v.xy.x"],
    ["((a))", "a"],
    ["f()", "f()"],
    ["m[i][j + 1]", "m[i][(j + 1)]"],
  ])("%s", (text, expected) => expect(understood(text)).toBe(expected));

  test.each([
    "a & b + c",
    "a & b | c",
    "a ^ b & c",
    "a | b == c",
    "a == b & c",
    "a + b & c",
    "a < b < c",
    "a == b != c",
    "a && b || c",
    "a || b && c",
    "a & b && c",
    "a << b << c",
    "a << b + c",
    "a + b << c",
    "a * b >> c",
    "a << b & c",
  ])("%s needs parentheses", (text) => {
    expect(errorOf(`const x =\n${text};`)).toMatchObject({ at: { line: 2 } });
    expect(errorOf(`const x =\n${text};`).reason).toContain("do not mix: add parentheses");
  });

  test.each([
    "",
    "+a",
    "a +",
    "a b",
    "f(,)",
    "f(a,,b)",
    "a[]",
    "a.1",
    "a.",
    "()",
    "--a",
    "a++",
    "&&a",
  ])("`%s` is no expression", (text) => expect(errorOf(`const x =\n${text};`).at.line).toBe(2));
});

describe("template lists are found as the specification says", () => {
  test.each([
    ["vec4<f32>(1.0)", "vec4<f32>(1)"],
    ["array<i32, N << 1u>", "array<i32, (N << 1)>"],
    ["array<vec2<f32>, (a > b)>()", "array<vec2<f32>, (a > b)>()"],
    ["array<array<f32,4>,2>()", "array<array<f32, 4>, 2>()"],
    ["a < b && c > (d)", "((a < b) && (c > d))"],
    ["a < b || c > d", "((a < b) || (c > d))"],
    ["f(a < b, (c > d))", "f((a < b), (c > d))"],
    ["f(a < b, c > (d))", "f(a<b, c>(d))"],
    ["a[b < c] > (d)", "(a[(b < c)] > d)"],
    ["a < (b >> c)", "(a < (b >> c))"],
    ["a <= b", "(a <= b)"],
    ["a < b", "(a < b)"],
    ["ptr<function, vec4 < u32 > >", "ptr<function, vec4<u32>>"],
    ["a<b /* > */ , c> ()", "a<b, c>()"],
    ["a<b[c>d]>()", "a<b[(c > d)]>()"],
    ["a<(b && c)>()", "a<(b && c)>()"],
    ["a<b, c,>()", "a<b, c>()"],
  ])("%s", (text, expected) => expect(understood(text)).toBe(expected));

  test("a type that ends with > stands directly before =", () => {
    const { declarations } = parse("var<private> x: vec2<i32>=y;\nfn f() { var a: p<q<i32>>=b; }");
    expect(declarations[0]).toMatchObject({ type: { name: "vec2" }, init: { name: "y" } });
    expect(declarations[1]).toMatchObject({
      body: { body: [{ type: { name: "p" }, init: { name: "b" } }] },
    });
  });
});

describe("a numeric literal", () => {
  test.each([
    ["0", "abstract-int", 0n],
    ["9223372036854775807", "abstract-int", 2n ** 63n - 1n],
    ["0xfFu", "u32", 255n],
    ["4294967295u", "u32", 2n ** 32n - 1n],
    ["2147483647i", "i32", 2n ** 31n - 1n],
    ["1.", "abstract-float", 1],
    [".5", "abstract-float", 0.5],
    ["00.5", "abstract-float", 0.5],
    ["1.e2", "abstract-float", 100],
    ["1e-2f", "f32", Math.fround(0.01)],
    ["0f", "f32", 0],
    ["1.f", "f32", 1],
    ["3.402823466e+38f", "f32", 2 ** 127 * (2 - 2 ** -23)],
    ["1e-50f", "f32", 0],
    ["0.1h", "f16", 0.0999755859375],
    ["65504h", "f16", 65504],
    ["0x1p-149f", "f32", 2 ** -149],
    ["0x1.fffffep+127", "abstract-float", 2 ** 127 * (2 - 2 ** -23)],
    ["0X.8P1", "abstract-float", 1],
    ["0x1.8", "abstract-float", 1.5],
    ["0x1p-1074", "abstract-float", 2 ** -1074],
    ["0x1.8p-3h", "f16", 0.1875],
    ["0x0p99999999999f", "f32", 0],
  ] as const)("%s is %s %s", (text, type, value) => {
    expect(literal(text)).toMatchObject({ type, value });
  });

  test.each([
    ["9223372036854775808", "does not fit abstract-int"],
    ["2147483648i", "does not fit i32"],
    ["4294967296u", "does not fit u32"],
    ["0x100000000u", "does not fit u32"],
    ["1e400", "beyond the range of abstract-float"],
    ["3.40282347e+38f", "beyond the range of f32"],
    ["65505h", "beyond the range of f16"],
    ["0x1.000001p0f", "no value that is exactly"],
    ["0x1p-150f", "no value that is exactly"],
    ["0x1p128f", "no value that is exactly"],
    ["0x1p-25h", "no value that is exactly"],
    ["0x1.00000000000001p0", "no value that is exactly"],
    ["0x1p-1075", "no value that is exactly"],
    ["01", "not a number"],
    ["00f", "not a number"],
    ["0x", "not a number"],
    ["0x.p1", "has no digits"],
    ["1u8", "not a number"],
    ["1e", "not a number"],
    ["1.5u", "not a number"],
    ["1é", "not a number"],
  ])("%s is refused: %s", (text, reason) => {
    const error = errorOf(`const x = ${text};`);
    expect(error.reason).toContain(reason);
    expect(error.at).toEqual({ line: 1, column: 11 });
  });

  test("in hexadecimal is the number it was printed from", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 53n - 1n), fc.integer({ min: -1074, max: 970 }), (m, e) => {
        expect(literal(`0x${m.toString(16)}p${e}`).value).toBe(Number(m) * 2 ** e);
      }),
    );
  });

  test("in decimal is the nearest number", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (x) => {
        const text = x.toExponential();
        expect(literal(text).value).toBe(x);
        if (x < 3e38) expect(literal(`${text}f`).value).toBe(Math.fround(x));
      }),
    );
  });
});

describe("names", () => {
  test.each(["a", "_a", "a_", "f32", "vec4", "handle", "Δέλτα", "été", "a·b", "𝒳1"])(
    "%s is a name",
    (name) => expect(parse(`const ${name} = 1;`).declarations[0]).toMatchObject({ name }),
  );
  test.each([
    ["__a", "two underscores"],
    ["_", "expected the name of the const, found '_'"],
    ["get", "reserved word"],
    ["Self", "reserved word"],
    ["typedef", "reserved word"],
    ["if", "found 'if'"],
    ["fn", "found 'fn'"],
    ["true", "found 'true'"],
    ["$x", 'the character "$"'],
    ["😀", 'the character "😀"'],
    ["", "found '='"],
  ])("%s is not: %s", (name, reason) => {
    expect(errorOf(`\nconst ${name} = 1;`).at.line).toBe(2);
    expect(errorOf(`\nconst ${name} = 1;`).reason).toContain(reason);
  });
});

describe("declarations are accepted", () => {
  test.each([
    "",
    ";;",
    "enable f16, subgroups,; requires readonly_and_readwrite_storage_textures;",
    "diagnostic(off, subgroup_uniformity); diagnostic(off, foo.bar,);",
    "alias a = vec4<f32>;",
    "const a: i32 = 1; const_assert a < 2; const_assert(a < 2);",
    "override a: i32; @id(1) override b = 2 * a;",
    "@group(0) @binding(1,) var<storage, read_write> a: array<vec4<f32>>;",
    "var<workgroup> a: array<f32, N>; var<private> b = 1;",
    "struct S { a: i32, @size(16) @align(16) b: array<i32>, }",
    "struct S { a: i32 }",
    "fn f() {}",
    "fn f(a: i32, b: ptr<function, i32>,) -> i32 { return a; }",
    "@must_use fn f() -> @location(0) vec4<f32> { return x; }",
    "@ compute @workgroup_size(8, 8, N + 1,) fn f(@builtin(workgroup_id) id: vec3<u32>) {}",
    "@diagnostic(off, a) fn f() @diagnostic(info, a) {}",
    "/* a /* nested */ // \n */ // the end",
  ])("%s", (text) => expect(() => parse(text)).not.toThrow());
});

describe("statements are accepted", () => {
  test.each([
    "; ; { } { ; }",
    "var a: i32; var b = 1; var<function> c: i32 = 2; let d = 1; let e: u32 = 2; const g = 3;",
    "const_assert 1 < 2;",
    "a = 1; a += 1; a -= 1; a *= 1; a /= 1; a %= 1; a &= 1; a |= 1; a ^= 1; a <<= 1; a >>= 1;",
    "_ = f(); _ = a;",
    "a++; a[1]--; (a)++; (*p).x = 1; *p = 2; *&a = 3; *(&a) = a; p.x[1].y = 2;",
    "f(); f(1, a,); bitcast<i32>(1);",
    "if a {} if (a) {} else {} if a == b {} else if (c) {} else {}",
    "if (a) { f(); } else @diagnostic(off, x) { }",
    "switch a { default {} } switch (a) { case 1: {} case 2, 3, {} case default, 4 {} }",
    "switch a @diagnostic(off, x) { case (1), 2u: { break; } default: {} }",
    "loop {} loop { continuing {} } loop { a(); continuing { b(); break if c; } }",
    "@diagnostic(off, x) loop @diagnostic(off, y) { continuing @diagnostic(off, z) { } }",
    "for (;;) {} for (var i = 0; i < 1; i++) {} for (a = 1; a < 2; f()) {} for (f(); ; a += 2) {}",
    "for (let i = 0; i < N; ) { continue; } while a < b { break; } while (a) {}",
    "return; return 1; discard;",
    "@diagnostic(off, x) if a {} @diagnostic(off, x) { } @diagnostic(off, x) for (;;) {}",
  ])("%s", (text) => expect(() => parse(`fn f() { ${text} }`)).not.toThrow());
});

describe("what the grammar does not allow is refused, with the position and what was expected", () => {
  test.each([
    ["const a = 1", 1, 12, "expected ';' after the declaration, found the end of the text"],
    ["\n\nfn f() {\n", 4, 1, "expected a statement, found the end of the text"],
    ["fn f()\n}", 2, 1, "expected '{' before the statements, found '}'"],
    ["let x = 1;", 1, 1, "expected a declaration, found 'let'"],
    ["const x: i32;", 1, 13, "expected '=' after the name or type of the const, found ';'"],
    ["@id(1) const x = 1;", 1, 8, "expected 'fn', 'var' or 'override' after an attribute"],
    ["@align(4) struct S { a: i32 }", 1, 11, "expected 'fn', 'var' or 'override'"],
    ["struct S {}", 1, 11, "expected a member of the struct, found '}'"],
    ["struct S { a: i32; b: i32 }", 1, 18, "expected ',' or '}' after a member, found ';'"],
    ["struct S { if: i32 }", 1, 12, "expected the name of a member, found 'if'"],
    ["fn f(a) {}", 1, 7, "expected ':' before the type, found ')'"],
    ["fn f() -> {}", 1, 11, "expected the type of the result, found '{'"],
    ["; enable f16;", 1, 3, "directives come before all declarations"],
    ["enable;", 1, 7, "expected the name of an extension, found ';'"],
    ["enable f16 subgroups;", 1, 12, "expected ',' or ';' after the name of an extension"],
    ["@compute() fn f() {}", 1, 2, "@compute takes no parentheses"],
    ["@workgroup_size fn f() {}", 1, 2, "@workgroup_size takes 1 to 3 arguments, not 0"],
    ["@workgroup_size(1, 2, 3, 4) fn f() {}", 1, 2, "takes 1 to 3 arguments, not 4"],
    ["@toString fn f() {}", 1, 2, "@toString is not an attribute of WGSL"],
    ["@compute @compute fn f() {}", 1, 11, "@compute stands here twice"],
    ["@diagnostic(off, x) var<private> a: i32;", 1, 1, "@diagnostic cannot stand here"],
    ["diagnostic(never, x);", 1, 12, "never is none of error, warning, info, off"],
    ["diagnostic(off, x); diagnostic(info, x);", 1, 31, "x is already set to off"],
    ["var<storage read> a: i32;", 1, 13, "expected ',' or '>' after a template argument"],
    ["var<> a: i32;", 1, 5, "expected a template argument"],
    ["const a = 1; */", 1, 14, "expected a declaration, found '*'"],
    ["const a = 1; /* /* */", 1, 14, "does not end"],
    ["const a = 1;\0", 1, 1, "null character"],
    ["#include", 1, 1, 'the character "#" has no meaning here'],
    ["const a = b ? 1 : 2;", 1, 13, 'the character "?" has no meaning here'],
    ["const a = b %% c;", 1, 14, "expected an expression, found '%'"],
  ])("%s", (text, line, column, reason) => {
    const error = errorOf(text);
    expect(error.reason).toContain(reason);
    expect(error.at).toEqual({ line, column });
    expect(error.message).toBe(`line ${line}, column ${column}: ${error.reason}`);
  });

  test.each([
    ["a;", "expected an assignment or a call, found ';'"],
    ["1;", "expected a statement, found the number 1"],
    ["f() = 1;", "expected ';' after the statement, found '='"],
    ["(f()) = 1;", "expected ')' to close the parenthesis, found '('"],
    ["(f)();", "expected an assignment or a call, found '('"],
    ["a.b();", "expected an assignment or a call, found '('"],
    ["-a = 1;", "expected a statement, found '-'"],
    ["a =+ 1;", "expected an expression, found '+'"],
    ["let a;", "expected '=' after the name or type of the let"],
    ["let a = 1, b = 2;", "expected ';' after the statement, found ','"],
    ["override a = 1;", "expected a statement, found 'override'"],
    ["fn g() {}", "expected a statement, found 'fn'"],
    ["if a return;", "expected '{' before the statements, found 'return'"],
    ["else {}", "expected a statement, found 'else'"],
    ["if a {} else {} else {}", "expected a statement, found 'else'"],
    ["if a {} else f();", "expected '{' before the statements, found the name f"],
    ["while {}", "expected an expression, found '{'"],
    ["for (;;) f();", "expected '{' before the statements"],
    ["for (;; a++;) {}", "expected ')' after the head of the for, found ';'"],
    ["for (a < 1;;) {}", "expected an assignment or a call, found '<'"],
    ["for (const_assert true;;) {}", "const_assert cannot stand in the head of a for"],
    ["switch a { case 1: case 2: {} default: {} }", "expected '{' before the statements"],
    ["switch a { case 1 {} }", "a switch has one default clause, this one has 0"],
    ["switch a { default {} default {} }", "a switch has one default clause, this one has 2"],
    ["switch a { default, 1 {} }", "expected '{' before the statements, found ','"],
    ["switch a { f(); }", "expected 'case', 'default' or '}', found the name f"],
    ["continuing {}", "expected '}' after the statements, found 'continuing'"],
    ["loop { continuing {} f(); }", "expected '}' after the statements, found the name f"],
    ["loop { break if a; }", "'break if' stands only at the end of a continuing block"],
    ["loop { continuing { break if a; f(); } }", "expected '}' after the statements"],
    ["return 1", "expected ';' after 'return', found '}'"],
    ["@must_use {}", "@must_use cannot stand here"],
    ["@diagnostic(off, x) return;", "expected a block, if, switch, loop, for or while"],
    ["@diagnostic(off, x) @diagnostic(info, x) {}", "x is already set to off"],
  ])("%s", (text, reason) => {
    const error = errorOf(`fn f() {\n${text} }`);
    expect(error.reason).toContain(reason);
    expect(error.at.line).toBe(2);
  });

  test.each([
    ["parentheses", `const a = ${"(".repeat(1e5)}`],
    ["blocks", `fn f() ${"{".repeat(1e5)}`],
    ["unary operators", `const a = ${"!".repeat(1e5)}`],
    ["else branches", `fn f() { ${"if a {} else ".repeat(1e5)}`],
    ["templates", `const a = ${"a<".repeat(1e4)}b${">".repeat(1e4)};`],
  ])("endless %s are too deep", (_, text) => {
    expect(errorOf(text).reason).toContain("nested deeper");
  });
});

describe("positions", () => {
  test.each(["\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u2028", "\u2029"])(
    "%j ends a line",
    (end) => {
      const text = ["// one", "/* two", "three */ const a = 1;", "  ?"].join(end);
      expect(errorOf(text).at).toEqual({ line: 4, column: 3 });
    },
  );

  test("are those of names, operators and statements", () => {
    const { declarations } = parse("fn f() {\n  a.b[1] += g(c * 2);\n}");
    expect(declarations).toMatchObject([
      {
        at: { line: 1, column: 4 },
        body: {
          at: { line: 1, column: 8 },
          body: [
            {
              at: { line: 2, column: 3 },
              target: {
                at: { line: 2, column: 6 },
                of: { at: { line: 2, column: 5 }, of: { at: { line: 2, column: 3 } } },
              },
              value: { at: { line: 2, column: 13 }, args: [{ at: { line: 2, column: 17 } }] },
            },
          ],
        },
      },
    ]);
  });

  test("of diagnostics span what they apply to, outermost first", () => {
    const text =
      "diagnostic(info, a);\n@diagnostic(off, a) fn f() {\n@diagnostic(error, a)\nif b {}\n}\n";
    expect(parse(text).diagnostics).toEqual([
      { severity: "info", rule: "a", from: { line: 1, column: 1 }, to: { line: 6, column: 1 } },
      { severity: "off", rule: "a", from: { line: 2, column: 1 }, to: { line: 6, column: 1 } },
      { severity: "error", rule: "a", from: { line: 3, column: 1 }, to: { line: 5, column: 1 } },
    ]);
  });
});

describe("every kernel parses", () => {
  test.each(allKernels.map((kernel) => [kernel.name, kernel] as const))("%s", (_, kernel) => {
    const { declarations } = parse(specialise(kernel).wgsl);
    const entry = declarations.find((d) => d.kind === "fn" && d.name === "main");
    expect(entry).toMatchObject({ attributes: [{ name: "compute" }, { name: "workgroup_size" }] });
  });
});
