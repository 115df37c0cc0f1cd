/**
 * Random programs of statements: nested control flow, functions, pointers, and memory of every kind. State
 * is integers, and floats that are whole eighths up to 16, so results are exact. Loops spend from a common fuel, so every program ends.
 *
 * Aliasing: WGSL forbids a call through which one variable is written by two ways. So there are two sorts
 * of functions: those that take pointers touch no module-scope variable but the trace and the fuel; those
 * that use module-scope variables take values only.
 */
import { bytesOf, type Shader } from "../run";
import { Choices } from "./choices";
import { Expressions } from "./expressions";
import { type ScalarName, scalarOf, vectorOf } from "./types";

const lanes = 32;

/** For each type: the ways down to a scalar; `#n` stands for an index below n. */
const paths = {
  i32: [["", "i32"]],
  u32: [["", "u32"]],
  bool: [["", "bool"]],
  "vec3<i32>": [
    [".x", "i32"],
    [".z", "i32"],
    ["[#3]", "i32"],
  ],
  "vec4<u32>": [
    [".y", "u32"],
    ["[#4]", "u32"],
  ],
  "vec2<bool>": [
    [".y", "bool"],
    ["[#2]", "bool"],
  ],
  f32: [["", "f32"]],
  "vec4<f32>": [
    [".w", "f32"],
    ["[#4]", "f32"],
  ],
  "mat3x2<f32>": [
    ["[#3].y", "f32"],
    ["[#3][#2]", "f32"],
  ],
  "array<f32, 5>": [["[#5]", "f32"]],
  "array<i32, 4>": [["[#4]", "i32"]],
  "array<vec2<u32>, 3>": [
    ["[#3].x", "u32"],
    ["[#3][#2]", "u32"],
  ],
  Record: [
    [".count", "i32"],
    [".at.y", "i32"],
    [".at[#3]", "i32"],
    [".items[#4]", "i32"],
    [".pairs[#2].side", "i32"],
    [".pairs[#2].right[#2]", "u32"],
    [".flags", "u32"],
    [".rest[#3]", "u32"],
  ],
} as const satisfies Record<string, readonly (readonly [string, ScalarName])[]>;

type TypeName = keyof typeof paths;
const typeNames = Object.keys(paths) as TypeName[];

// No padding: the bytes of a copied struct are all compared.
const declarations = `struct Pair { left: i32, side: i32, right: vec2<u32> }
struct Record {
  at: vec3<i32>,
  count: i32,
  items: array<i32, 4>,
  pairs: array<Pair, 2>,
  flags: u32,
  rest: array<u32, 3>,
}
`;

interface Scoped {
  /** How it is written in an expression: a name, or `(*name)`. */
  readonly text: string;
  readonly type: TypeName;
  readonly mutable: boolean;
  /** Address space of a var, for pointers to it. */
  readonly space: "function" | "private" | "workgroup" | "storage";
}

interface Parameter {
  readonly name: string;
  readonly type: TypeName;
  /** Null: by value. */
  readonly space: Scoped["space"] | null;
}

interface GeneratedFunction {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly returns: boolean;
  readonly text: string;
}

/** What may leave the statement being made. */
interface Surroundings {
  readonly breaks: boolean;
  readonly continues: boolean;
  readonly returns: "value" | "nothing" | "no";
  readonly depth: number;
}

const localNames = ["a", "b", "c", "d", "e"];
const compound = ["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="];

class Statements {
  /** Innermost scope last. A name with null exists and must not be used. */
  private readonly scopes: Map<string, Scoped | null>[];
  private readonly functions: readonly GeneratedFunction[];
  private fresh = 0;

  constructor(
    private readonly choices: Choices,
    globals: readonly (readonly [string, Scoped])[],
    callable: readonly GeneratedFunction[],
  ) {
    this.scopes = [new Map(globals)];
    this.functions = callable;
  }

  private visible(): Scoped[] {
    const seen = new Map<string, Scoped | null>();
    for (const scope of this.scopes) for (const [name, scoped] of scope) seen.set(name, scoped);
    return [...seen.values()].filter((scoped) => scoped !== null);
  }

  private index(length: number): string {
    switch (this.choices.below(4)) {
      case 0:
        return `${this.choices.below(length)}`;
      case 1:
        return `${this.expression("u32", 1)} % ${length}u`;
      case 2:
        return `u32(${this.expression("i32", 1)}) % ${length}u`;
      default:
        return `${this.expression("i32", 1)} & 1`;
    }
  }

  private filled(path: string): string {
    return path.replace(/#(\d)/g, (_, length: string) => this.index(Number(length)));
  }

  /** Up to four scalars of each type that can be read here. */
  private expression(scalar: ScalarName, depth: number): string {
    const names: Record<ScalarName, string[]> = {
      bool: [],
      i32: [],
      u32: [],
      f32: ["fraction"],
      f16: [],
    };
    const visible = this.visible();
    for (let i = 0; i < 8 && visible.length; i++) {
      const { text, type } = this.choices.of(visible);
      const [path, end] = this.choices.of(
        paths[type] as readonly (readonly [string, ScalarName])[],
      );
      if (depth > 0 || !path.includes("#"))
        names[end].push(text + (depth > 0 ? this.fill0(path) : path));
    }
    if (!names.i32.length) names.i32.push("number");
    if (!names.u32.length) names.u32.push("u32(number)");
    if (!names.bool.length) names.bool.push("(number > 3)");
    const expressions = new Expressions(
      this.choices,
      {
        names,
        bounds: { f32: { max: 16, fraction: 3 }, f16: { max: 8, fraction: 1 } },
        tick: this.choices.chance(50) ? "tick" : null,
      },
      false,
    );
    return expressions.make(scalarOf(scalar), depth).text;
  }

  /** Indices inside expressions are simple ones. */
  private fill0(path: string): string {
    return path.replace(/#(\d)/g, (_, length: string) =>
      this.choices.chance(50)
        ? `u32(number) % ${length}u`
        : `${this.choices.below(Number(length))}`,
    );
  }

  private value(type: TypeName): string {
    const { choices } = this;
    const same = this.visible().filter((scoped) => scoped.type === type);
    if (same.length && choices.chance(40)) return choices.of(same).text;
    switch (type) {
      case "i32":
      case "u32":
      case "bool":
        return this.expression(type, choices.between(1, 2));
      case "f32":
        return `eighths(${this.expression(type, 2)})`;
      case "vec4<f32>":
      case "mat3x2<f32>":
      case "array<f32, 5>": {
        const parts = [0, 1, 0, 1, 0, 1].slice(0, { v: 4, m: 6, a: 5 }[type[0] as "v"]);
        return `${type}(${parts.map((depth) => `eighths(${this.expression("f32", depth)})`).join(", ")})`;
      }
      case "vec3<i32>":
      case "vec4<u32>":
      case "vec2<bool>": {
        const scalar = type.slice(5, -1) as ScalarName;
        const width = Number(type[3]) as 2 | 3 | 4;
        if (choices.chance(50)) return this.vector(scalar, width);
        return `${type}(${Array.from({ length: width }, () => this.expression(scalar, 1)).join(", ")})`;
      }
      case "array<i32, 4>":
        return `${type}(${[1, 1, 0, 0].map((depth) => this.expression("i32", depth)).join(", ")})`;
      case "array<vec2<u32>, 3>":
        return `array(vec2u(${this.expression("u32", 1)}), vec2u(1, ${this.expression("u32", 0)}), vec2u())`;
      case "Record":
        return `Record(vec3i(${this.expression("i32", 1)}), 5, array<i32, 4>(), array(Pair(1, 2, vec2u(3)), Pair()), ${this.expression("u32", 1)}, array(1u, 2u, 3u))`;
    }
  }

  private vector(scalar: ScalarName, width: 2 | 3 | 4): string {
    const names = {
      bool: ["(number > 2)"],
      i32: ["number"],
      u32: ["seed"],
      f32: ["fraction"],
      f16: [],
    };
    const bounds = { f32: { max: 16, fraction: 3 }, f16: { max: 8, fraction: 1 } };
    const expressions = new Expressions(this.choices, { names, bounds, tick: null }, false);
    return expressions.make(vectorOf(scalar, width), 2).text;
  }

  /** Memory that can be written, or null. */
  private target(): { text: string; scalar: ScalarName } | null {
    const mutable = this.visible().filter((scoped) => scoped.mutable);
    if (!mutable.length) return null;
    const { text, type } = this.choices.of(mutable);
    const [path, scalar] = this.choices.of(
      paths[type] as readonly (readonly [string, ScalarName])[],
    );
    return { text: text + this.filled(path), scalar };
  }

  private block(surroundings: Surroundings, indent: string, last = ""): string {
    this.scopes.push(new Map());
    const body = this.list(surroundings, `${indent}  `);
    this.scopes.pop();
    return `{\n${body}${last ? `${indent}  ${last}\n` : ""}${indent}}`;
  }

  private list(surroundings: Surroundings, indent: string): string {
    let text = "";
    for (let count = this.choices.between(1, 4); count > 0; count--)
      text += indent + this.statement({ ...surroundings, depth: surroundings.depth - 1 }, indent);
    return text;
  }

  private statement(around: Surroundings, indent: string): string {
    const deep = around.depth > 0;
    const form = this.choices.of(
      deep
        ? ([
            "trace",
            "assign",
            "assign",
            "declare",
            "if",
            "if",
            "loop",
            "for",
            "while",
            "switch",
            "leave",
            "call",
            "pointer",
            "block",
            "copy",
          ] as const)
        : (["trace", "assign", "declare", "leave", "call", "pointer", "copy"] as const),
    );
    return `${this.form(form, around, indent)}\n`;
  }

  private form(form: string, around: Surroundings, indent: string): string {
    const { choices } = this;
    switch (form) {
      case "assign":
        return this.assignment() ?? this.form("trace", around, indent);
      case "declare":
        return this.declaration();
      case "copy": {
        const wide = this.visible().filter((scoped) => scoped.mutable);
        if (!wide.length) return this.form("trace", around, indent);
        const { text, type } = choices.of(wide);
        return `${text} = ${this.value(type)};`;
      }
      case "if":
        return this.conditional(around, indent);
      case "loop":
      case "for":
      case "while":
        return this.loop(form, around, indent);
      case "switch":
        return this.switch(around, indent);
      case "leave":
        return this.leave(around);
      case "call":
        return this.call() ?? this.form("trace", around, indent);
      case "pointer":
        return this.pointer() ?? this.form("trace", around, indent);
      case "block":
        return this.block(around, indent);
      default:
        return `trace = trace * 31u + u32(${this.expression("i32", 1)} & 255);`;
    }
  }

  private assignment(): string | null {
    const target = this.target();
    if (!target) return null;
    const { text, scalar } = target;
    if (scalar === "bool") return `${text} = ${this.expression("bool", 2)};`;
    if (scalar === "f32") return `${text} = eighths(${this.expression("f32", 2)});`;
    switch (this.choices.below(4)) {
      case 0:
        return `${text} = ${this.expression(scalar, 2)};`;
      case 1: {
        const operator = this.choices.of(compound);
        const right = operator.length === 3 ? "u32" : scalar;
        return `${text} ${operator} ${this.expression(right, 1)};`;
      }
      case 2:
        return `${text}${this.choices.of(["++", "--"])};`;
      default:
        return `_ = ${this.expression(scalar, 2)};`;
    }
  }

  private declaration(): string {
    const scope = this.scopes.at(-1)!;
    const free = localNames.filter((name) => !scope.has(name));
    const name = free.length ? this.choices.of(free) : `v${this.fresh++}`;
    const type = this.choices.of(typeNames);
    const mutable = this.choices.chance(60);
    const declared = { text: name, type, mutable, space: "function" } as const;
    const zero = mutable && this.choices.chance(25);
    const value = zero ? "" : ` = ${this.value(type)}`;
    const annotation = zero || this.choices.chance(50) ? `: ${type}` : "";
    scope.set(name, declared);
    return `${mutable ? "var" : "let"} ${name}${annotation}${value};`;
  }

  private conditional(around: Surroundings, indent: string): string {
    const condition = this.expression("bool", 2);
    let text = `if ${this.choices.chance(50) ? condition : `(${condition})`} ${this.block(around, indent)}`;
    if (this.choices.chance(30))
      text += ` else if (${this.expression("bool", 1)}) ${this.block(around, indent)}`;
    if (this.choices.chance(50)) text += ` else ${this.block(around, indent)}`;
    return text;
  }

  private loop(form: "loop" | "for" | "while", around: Surroundings, indent: string): string {
    const { choices } = this;
    const inside = { ...around, breaks: true, continues: true };
    const spend = "if (spend()) { break; }";
    this.scopes.push(new Map());
    let head: string;
    if (form === "for") {
      const name = choices.of(localNames);
      const start = choices.chance(80) ? `var ${name} = ${choices.below(3)}` : "";
      if (start)
        this.scopes
          .at(-1)!
          .set(name, { text: name, type: "i32", mutable: choices.chance(20), space: "function" });
      const counter = start ? name : "number";
      const condition = choices.chance(80) ? `${counter} < ${choices.between(1, 6)}` : "";
      const step = start
        ? choices.of([`${name}++`, `${name} += 2`, ""])
        : choices.of(["", "number++"]);
      head = `for (${start}; ${condition}; ${step})`;
    } else {
      head = form === "while" ? `while ${this.expression("bool", 2)}` : "loop";
    }
    this.scopes.push(new Map());
    let body = `${indent}  ${spend}\n${this.list(inside, `${indent}  `)}`;
    if (form === "loop" && choices.chance(70)) body += this.continuing(around, `${indent}  `);
    this.scopes.pop();
    this.scopes.pop();
    return `${head} {\n${body}${indent}}`;
  }

  /** Names of the body are not used: a `continue` may have passed their declarations. */
  private continuing(around: Surroundings, indent: string): string {
    this.scopes.push(new Map([...this.scopes.at(-1)!.keys()].map((name) => [name, null])));
    this.scopes.push(new Map());
    const inside = { ...around, breaks: false, continues: false, returns: "no" } as const;
    const body = this.list(inside, `${indent}  `);
    const breakIf = this.choices.chance(70)
      ? `${indent}  break if ${this.expression("bool", 1)};\n`
      : "";
    this.scopes.pop();
    this.scopes.pop();
    return `${indent}continuing {\n${body}${breakIf}${indent}}\n`;
  }

  private switch(around: Surroundings, indent: string): string {
    const { choices } = this;
    const scalar = choices.of(["i32", "u32"] as const);
    const suffix = choices.of(["", scalar === "i32" ? "i" : "u"]);
    const count = choices.between(0, 3);
    const defaultAt = choices.below(count + 1);
    let next = choices.below(3);
    let clauses = "";
    for (let i = 0; i <= count; i++) {
      const values = Array.from({ length: choices.between(1, 3) }, () => `${next++}${suffix}`);
      const colon = choices.of(["", ":"]);
      const label =
        i !== defaultAt
          ? `case ${values.join(", ")}${colon}`
          : choices.chance(50)
            ? `case ${values.join(", ")}, default${colon}`
            : `default${colon}`;
      clauses += `${indent}  ${label} ${this.block({ ...around, breaks: true }, `${indent}  `)}\n`;
    }
    const selector = choices.chance(60)
      ? `${this.expression(scalar, 1)} & 7`
      : this.expression(scalar, 2);
    return `switch ${selector} {\n${clauses}${indent}}`;
  }

  private leave({ breaks, continues, returns }: Surroundings): string {
    const ways = [
      ...(breaks ? ["break;"] : []),
      ...(continues ? ["continue;"] : []),
      ...(returns === "no"
        ? []
        : [returns === "nothing" ? "return;" : `return ${this.expression("i32", 1)};`]),
    ];
    if (!ways.length) return "trace ^= 5u;";
    return `if (${this.expression("bool", 2)}) { ${this.choices.of(ways)} }`;
  }

  private pointer(): string | null {
    const mutable = this.visible().filter((scoped) => scoped.mutable);
    if (!mutable.length) return null;
    const { text, type } = this.choices.of(mutable);
    const [path, scalar] = this.choices.of(
      paths[type] as readonly (readonly [string, ScalarName])[],
    );
    // No pointers to components of vectors.
    const component = /^vec/.test(type) || /\.at|\[#3\]|right/.test(path);
    if (component || scalar === "bool" || scalar === "f32") {
      const name = `p${this.fresh++}`;
      return `let ${name} = &${text};\n    *${name} = ${this.value(type)};`;
    }
    const name = `p${this.fresh++}`;
    const place = `let ${name}${scalar === "i32" && !/[(*]/.test(text) && this.local(text) ? ": ptr<function, i32>" : ""} = &${text}${this.filled(path)};`;
    return `${place} *${name} ${this.choices.of(["=", "+=", "^="])} ${this.expression(scalar, 1)}; ${this.choices.of([`*${name} += 1${scalar === "u32" ? "u" : ""};`, `(*${name})--;`])}`;
  }

  private local(name: string): boolean {
    return this.visible().some((scoped) => scoped.text === name && scoped.space === "function");
  }

  private argument({ type, space }: Parameter, taken: Set<string>): string | null {
    if (!space) return this.value(type);
    const found = this.visible().filter(
      (scoped) =>
        scoped.mutable && scoped.type === type && scoped.space === space && !taken.has(scoped.text),
    );
    if (!found.length) return null;
    const { text } = this.choices.of(found);
    taken.add(text);
    return text.startsWith("(*") ? text.slice(2, -1) : `&${text}`;
  }

  private call(): string | null {
    if (!this.functions.length) return null;
    const fn = this.choices.of(this.functions);
    const taken = new Set<string>();
    const args: string[] = [];
    for (const parameter of fn.parameters) {
      const argument = this.argument(parameter, taken);
      if (argument === null) return null;
      args.push(argument);
    }
    const call = `${fn.name}(${args.join(", ")})`;
    if (!fn.returns) return `${call};`;
    return this.choices.of([
      `_ = ${call};`,
      `trace += u32(${call});`,
      `number ^= ${call} & 7;`,
      `${call};`,
    ]);
  }

  /** The function, complete. */
  define(name: string, parameters: readonly Parameter[], returns: boolean): GeneratedFunction {
    const scope = new Map(
      parameters.map(({ name, type, space }): [string, Scoped] => [
        name,
        {
          text: space ? `(*${name})` : name,
          type,
          mutable: space !== null,
          space: space ?? "function",
        },
      ]),
    );
    this.scopes.push(scope);
    const list = parameters.map(({ name, type, space }) => {
      const access = space === "storage" ? ", read_write" : "";
      return `${name}: ${space ? `ptr<${space}, ${type}${access}>` : type}`;
    });
    const body = this.list(
      { breaks: false, continues: false, returns: returns ? "value" : "nothing", depth: 4 },
      "  ",
    );
    const last = returns ? `  return ${this.expression("i32", 1)};\n` : "";
    this.scopes.pop();
    const result = returns ? " -> i32" : "";
    return {
      name,
      parameters,
      returns,
      text: `fn ${name}(${list.join(", ")})${result} {\n${body}${last}}\n`,
    };
  }

  main(): string {
    this.scopes.push(new Map());
    const body = this.list({ breaks: false, continues: false, returns: "no", depth: 5 }, "  ");
    this.scopes.pop();
    return body;
  }
}

const globals: readonly (readonly [string, Scoped])[] = [
  ["number", { text: "number", type: "i32", mutable: true, space: "private" }],
  ["seed", { text: "seed", type: "u32", mutable: false, space: "private" }],
  ["triple", { text: "triple", type: "vec3<i32>", mutable: true, space: "private" }],
  ["own", { text: "own", type: "Record", mutable: true, space: "private" }],
  ["floats", { text: "floats", type: "array<f32, 5>", mutable: true, space: "private" }],
  ["matrix", { text: "matrix", type: "mat3x2<f32>", mutable: true, space: "private" }],
  [
    "shared_float",
    { text: "shared_floats[lane_index]", type: "vec4<f32>", mutable: true, space: "workgroup" },
  ],
  ["table", { text: "table", type: "array<i32, 4>", mutable: true, space: "private" }],
  [
    "shared_row",
    { text: "shared_rows[lane_index]", type: "array<i32, 4>", mutable: true, space: "workgroup" },
  ],
  ["stored", { text: "memory[lane_index]", type: "Record", mutable: true, space: "storage" }],
];

const pointerTypes: readonly (readonly [Scoped["space"], TypeName])[] = [
  ["function", "i32"],
  ["function", "array<i32, 4>"],
  ["function", "Record"],
  ["private", "Record"],
  ["private", "vec3<i32>"],
  ["workgroup", "array<i32, 4>"],
  ["workgroup", "vec4<f32>"],
  ["function", "mat3x2<f32>"],
  ["private", "array<f32, 5>"],
  ["storage", "Record"],
];

function parametersFrom(choices: Choices, pointers: boolean): Parameter[] {
  return Array.from({ length: choices.below(4) }, (_, i) => {
    const name = choices.chance(50) ? localNames[i]! : `x${i}`;
    if (pointers && choices.chance(70)) {
      const [space, type] = choices.of(pointerTypes);
      return { name, type, space };
    }
    return { name, type: choices.of(typeNames), space: null };
  });
}

/** For functions with pointers, for the other functions, for the entry point. */
export type ProgramNumbers = readonly [number[], number[], number[]];

/** A shader that runs a random program in each of its invocations. */
export function statementShader([forPointers, forFunctions, forMain]: ProgramNumbers): Shader {
  let choices = new Choices(forPointers);
  const withPointers: GeneratedFunction[] = [];
  for (let count = choices.below(3); count > 0; count--) {
    const statements = new Statements(choices, [], withPointers.slice());
    const parameters = parametersFrom(choices, true);
    withPointers.push(
      statements.define(`through${withPointers.length}`, parameters, choices.chance(50)),
    );
  }
  choices = new Choices(forFunctions);
  const functions = withPointers.slice();
  for (let count = choices.below(3); count > 0; count--) {
    const statements = new Statements(choices, globals, functions.slice());
    const parameters = parametersFrom(choices, false);
    functions.push(statements.define(`direct${functions.length}`, parameters, choices.chance(50)));
  }
  const body = new Statements(new Choices(forMain), globals, functions).main();
  const inputs = Array.from({ length: lanes * 4 }, (_, i) =>
    i % 4 < 2 ? (i * 0x9e3779b1) >>> 0 : (i * 7) % 11,
  );
  const wgsl = `${declarations}
@group(0) @binding(0) var<storage, read> inputs: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> memory: array<Record, ${lanes}>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<u32>>;
var<workgroup> shared_rows: array<array<i32, 4>, ${lanes}>;
var<private> lane_index: u32;
var<private> trace: u32 = 7u;
var<private> fuel: i32 = 40;
var<private> number: i32;
var<private> seed: u32;
var<private> fraction: f32;
var<private> triple: vec3<i32> = vec3(1, -2, 3);
var<private> own: Record;
var<private> table: array<i32, 4>;
var<private> floats: array<f32, 5>;
var<private> matrix: mat3x2<f32>;
var<workgroup> shared_floats: array<vec4<f32>, ${lanes}>;

fn eighths(x: f32) -> f32 {
  return round(clamp(x, -16, 16) * 8) / 8;
}

fn spend() -> bool {
  fuel--;
  return fuel < 0;
}

fn tick(x: i32) -> i32 {
  trace = trace * 17u + u32(x & 63);
  return x + i32(trace & 1u);
}

${functions.map(({ text }) => text).join("\n")}
@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32) {
  lane_index = lane;
  let input = inputs[lane];
  number = i32(input.z);
  seed = input.x;
  fraction = f32(input.w) / 2;
  table[1] = i32(input.y);
  own.items = table;
${body}
  let rows = shared_rows[lane];
  let summary = own.at + own.items[0] + own.pairs[1].left + vec3i(own.pairs[0].right.xyx) + i32(own.flags ^ own.rest[2]);
  let real = shared_floats[lane] + vec4f(matrix[0], matrix[2]) + vec4f(floats[1], floats[2], floats[3], floats[4]);
  out[lane * 5u + 4u] = vec4u(vec4i(real * 8));
  out[lane * 5u] = vec4u(trace, u32(fuel), u32(number), seed);
  out[lane * 5u + 1u] = vec4u(vec4i(triple, own.count));
  out[lane * 5u + 2u] = vec4u(vec4i(table[0], table[1], table[2], table[3]));
  out[lane * 5u + 3u] = vec4u(vec4i(summary, rows[0] ^ (rows[1] + 1) ^ (rows[2] + 2) ^ (rows[3] + 3)));
}
`;
  const record = Array.from({ length: lanes * 20 }, (_, i) => i * 3);
  return {
    wgsl,
    grid: [1, 1, 1],
    buffers: [
      { name: "inputs", index: 0, access: "read", bytes: bytesOf(inputs) },
      { name: "memory", index: 1, access: "read_write", bytes: bytesOf(record) },
      { name: "out", index: 2, access: "read_write", bytes: new Uint8Array(lanes * 80) },
    ],
  };
}
