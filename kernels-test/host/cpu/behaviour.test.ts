import { describe, expect, test } from "vitest";
import { check } from "../../../src/cpu/wgsl/check";
import { ShaderError } from "../../../src/cpu/wgsl/shaderError";

function errorOf(text: string): ShaderError {
  try {
    check(text, {});
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe("a function with a result returns on every path", () => {
  test.each([
    "return 1;",
    "if c { return 1; } else { return 2; }",
    "if c { return 1; } return 2;",
    "switch 1 { case 1 { return 1; } default { return 2; } }",
    "loop { return 1; }",
    "loop { if c { return 1; } }",
    "loop { if c { continue; } return 1; }",
    "for (;;) { return 1; }",
    "loop { return 1; continuing { break if c; } }",
    "{ return 1; } return 2;",
    "return 1; if c { }",
  ])("%s", (body) => {
    expect(() => check(`fn f(c: bool) -> i32 { ${body} }`, {})).not.toThrow();
  });

  test.each([
    "",
    "if c { return 1; }",
    "if c { } else { return 1; }",
    "while true { return 1; }",
    "for (; c;) { return 1; }",
    "loop { if c { break; } return 1; }",
    "loop { if c { continue; } return 1; continuing { break if c; } }",
    "switch 1 { case 1 { break; } default { return 2; } }",
    "switch 1 { case 1 { if c { break; } return 1; } default { return 2; } }",
  ])("`%s` does not", (body) => {
    const error = errorOf(`\nfn f(c: bool) -> i32 { ${body} }`);
    expect(error.reason).toBe("f has a result, but not every path returns one");
    expect(error.at).toEqual({ line: 2, column: 4 });
  });
});

describe("a loop can end", () => {
  test.each([
    "loop { break; }",
    "loop { return; }",
    "loop { continuing { break if c; } }",
    "while true { }",
    "for (; true;) { }",
    "for (;;) { switch 1 { default { return; } } }",
    "loop { if c { break; } continue; }",
  ])("%s", (body) => expect(() => check(`fn f(c: bool) { ${body} }`, {})).not.toThrow());

  test.each([
    "loop { }",
    "for (;;) { }",
    "loop { continue; break; }",
    "loop { switch 1 { default { break; } } }",
    "loop { loop { break; } }",
    "return; loop { }",
    "if c { loop { continuing { } } }",
  ])("%s does not", (body) => {
    const error = errorOf(`fn f(c: bool) {\n${body} }`);
    expect(error.reason).toBe("this loop never ends: add a break, return or condition");
    expect(error.at.line).toBe(2);
  });
});

describe("jumps stand where they have a target", () => {
  test.each([
    "switch 1 { default { break; } }",
    "loop { break; continuing { loop { break; } switch 1 { default { break; } } } }",
    "loop { break; continuing { while c { continue; } } }",
    "for (; c;) { switch 1 { default { continue; } } }",
    "loop { let a = c; if c { continue; } break; continuing { _ = a; } }",
    "loop { if c { continue; } let a = c; break; continuing { loop { let b = c; break; } } }",
    "loop { loop { if c { continue; } break; } let a = c; continuing { break if a; } }",
  ])("%s", (body) => expect(() => check(`fn f(c: bool) { ${body} }`, {})).not.toThrow());

  test.each([
    ["break;", "break stands only in a loop or switch"],
    ["if c { break; }", "break stands only in a loop or switch"],
    ["continue;", "continue stands only in a loop"],
    ["switch 1 { default { continue; } }", "continue stands only in a loop"],
    ["loop { break; continuing { break; } }", "break cannot leave a continuing block"],
    ["loop { break; continuing { if c { break; } } }", "break cannot leave a continuing block"],
    ["loop { break; continuing { continue; } }", "continue cannot leave a continuing block"],
    ["loop { break; continuing { return; } }", "return cannot leave a continuing block"],
    ["loop { break; continuing { while c { return; } } }", "return cannot leave a continuing"],
  ])("%s is refused", (body, reason) => {
    const error = errorOf(`fn f(c: bool) {\n${body} }`);
    expect(error.reason).toContain(reason);
    expect(error.at.line).toBe(2);
  });

  test.each([
    "let a = c;\n_ = a; continuing { break if a; }",
    "var a = c;\ncontinuing { a = true; break if c; }",
    "let a = vec2(1);\ncontinuing { if c { _ = a[0] + 1; } break if c; }",
  ])("a continue does not skip what the continuing block uses: %s", (rest) => {
    const error = errorOf(`fn f(c: bool) { loop {\nif c { continue; }\n${rest} } }`);
    expect(error.reason).toContain("this continue skips the declaration of a in line 3");
    expect(error.at).toEqual({ line: 2, column: 8 });
  });
});
