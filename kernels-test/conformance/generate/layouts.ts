/**
 * Random types of buffers: nested structs, arrays, vectors and matrices with `@align` and `@size`. The
 * shader copies every scalar from one buffer to the same place of another, and to its own place of a list.
 * Bytes between members keep what the host wrote.
 */
import { bytesOf, type Shader } from "../run";
import { Choices } from "./choices";

type Scalar = "u32" | "i32" | "f32" | "f16";

type Layout = {
  readonly name: string;
  readonly size: number;
  readonly align: number;
} & (
  | { readonly kind: "scalar"; readonly scalar: Scalar }
  | { readonly kind: "atomic"; readonly scalar: Scalar }
  | { readonly kind: "vector"; readonly scalar: Scalar; readonly width: number }
  | {
      readonly kind: "matrix";
      readonly scalar: Scalar;
      readonly columns: number;
      readonly rows: number;
    }
  | { readonly kind: "array"; readonly element: Layout; readonly count: number | null }
  | { readonly kind: "struct"; readonly members: readonly { name: string; type: Layout }[] }
);

type Space = "storage" | "uniform";

const roundUp = (align: number, value: number): number => Math.ceil(value / align) * align;
const bytesPer = (scalar: Scalar): number => (scalar === "f16" ? 2 : 4);

/** Values whose words are normal numbers, as f32 and as two f16: none is changed on its way. */
const wordFrom = (i: number): number => {
  const hash = Math.imul(i + 1, 0x9e3779b1) >>> 0;
  return ((hash & 0x83ff83ff) | 0x3c003c00) >>> 0;
};

class Types {
  readonly declarations: string[] = [];

  constructor(
    private readonly choices: Choices,
    private readonly space: Space,
    private readonly half: boolean,
    private readonly prefix: string,
  ) {}

  private scalarName(): Scalar {
    return this.choices.of<Scalar>(
      this.half ? ["u32", "f32", "i32", "f16"] : ["u32", "f32", "i32"],
    );
  }

  private plain(): Layout {
    const { choices } = this;
    const scalar = this.scalarName();
    const bytes = bytesPer(scalar);
    switch (choices.below(4)) {
      case 0:
        return { kind: "scalar", scalar, name: scalar, size: bytes, align: bytes };
      case 1: {
        if (this.space === "uniform") return this.plain();
        const counted = choices.of<Scalar>(["u32", "i32"]);
        return { kind: "atomic", scalar: counted, name: `atomic<${counted}>`, size: 4, align: 4 };
      }
      case 2: {
        const width = choices.between(2, 4);
        const align = bytes * (width === 2 ? 2 : 4);
        return {
          kind: "vector",
          scalar,
          width,
          name: `vec${width}<${scalar}>`,
          size: bytes * width,
          align,
        };
      }
      default: {
        const float = scalar === "f16" ? "f16" : "f32";
        const [columns, rows] = [choices.between(2, 4), choices.between(2, 4)];
        const align = bytesPer(float) * (rows === 2 ? 2 : 4);
        const name = `mat${columns}x${rows}<${float}>`;
        return { kind: "matrix", scalar: float, columns, rows, name, size: columns * align, align };
      }
    }
  }

  type(depth: number): Layout {
    const form = depth > 0 ? this.choices.below(4) : 0;
    if (form === 2) return this.array(this.type(depth - 1), this.choices.between(1, 4));
    return form === 3 ? this.struct(depth - 1, false) : this.plain();
  }

  private array(element: Layout, count: number | null): Layout {
    const size = (count ?? 1) * roundUp(element.align, element.size);
    const name = `array<${element.name}${count === null ? "" : `, ${count}`}>`;
    return { kind: "array", element, count, name, size, align: element.align };
  }

  struct(depth: number, open: boolean): Layout {
    const { choices } = this;
    const members: { name: string; type: Layout }[] = [];
    let text = "";
    let end = 0;
    let structAlign = 1;
    const count = choices.between(1, 4);
    for (let i = 0; i < count; i++) {
      const last = i === count - 1;
      const type = last && open ? this.array(this.type(depth), null) : this.type(depth);
      let { size, align } = type;
      let attributes = "";
      // In uniforms, arrays and structs start at multiples of 16.
      const least = this.space === "uniform" && /array|struct/.test(type.kind) ? 16 : 1;
      if (choices.chance(25) || least > align) {
        align = Math.max(least, align * 2 ** choices.below(3));
        attributes += `@align(${align}) `;
      }
      if (!(last && open) && choices.chance(25)) {
        size += 4 * choices.below(6);
        attributes += `@size(${size}) `;
      }
      const name = `m${i}`;
      members.push({ name, type });
      text += `  ${attributes}${name}: ${type.name},\n`;
      end = roundUp(align, end) + size;
      structAlign = Math.max(structAlign, align);
    }
    const name = `${this.prefix}${this.declarations.length}`;
    this.declarations.push(`struct ${name} {\n${text}}\n`);
    return { kind: "struct", members, name, size: roundUp(structAlign, end), align: structAlign };
  }
}

/** Statements that move one value, scalar by scalar. */
class Copy {
  private loops = 0;
  private locals = 0;

  constructor(
    private readonly choices: Choices,
    private readonly from: string,
    /** Null: only the list gets the values. */
    private readonly to: string | null,
  ) {}

  private scalar(path: string, scalar: Scalar, value = this.from + path): string {
    const store = this.to ? `${this.to}${path} = ${value}; ` : "";
    const word =
      scalar === "f16"
        ? `bitcast<u32>(f32(${value}))`
        : scalar === "u32"
          ? value
          : `bitcast<u32>(${value})`;
    return `${store}put(${word});\n`;
  }

  /** Every scalar of the value at `path`; `value` is where to read it, if not there. */
  copy(path: string, type: Layout, value = this.from + path): string {
    const { choices } = this;
    const { to } = this;
    switch (type.kind) {
      case "scalar":
        return this.scalar(path, type.scalar, value);
      case "atomic": {
        const store = to ? `atomicStore(&${to}${path}, atomicLoad(&${value})); ` : "";
        const load = `atomicLoad(&${value})`;
        return `${store}put(${type.scalar === "u32" ? load : `bitcast<u32>(${load})`});\n`;
      }
      case "vector": {
        const element = (index: string) => this.scalar(path + index, type.scalar, value + index);
        if (choices.chance(40)) return this.loop(type.width, (i) => element(`[${i}]`));
        const whole = choices.chance(50);
        const letters = Array.from({ length: type.width }, (_, i) => `.${"xyzw"[i]}`);
        if (!whole || !to) return letters.map(element).join("");
        const puts = new Copy(choices, this.from, null);
        return `${to}${path} = ${value};\n${letters.map((l) => puts.scalar(path + l, type.scalar, value + l)).join("")}`;
      }
      case "matrix": {
        const name = `vec${type.rows}<${type.scalar}>`;
        const column: Layout = {
          kind: "vector",
          scalar: type.scalar,
          width: type.rows,
          name,
          size: 0,
          align: 0,
        };
        if (to && choices.chance(30)) {
          const puts = new Copy(choices, this.from, null);
          return `${to}${path} = ${value};\n${puts.copy(path, type, value)}`;
        }
        if (choices.chance(50))
          return this.loop(type.columns, (i) =>
            this.copy(`${path}[${i}]`, column, `${value}[${i}]`),
          );
        return Array.from({ length: type.columns }, (_, i) =>
          this.copy(`${path}[${i}]`, column, `${value}[${i}]`),
        ).join("");
      }
      case "array": {
        const element = (i: string) => this.copy(`${path}[${i}]`, type.element, `${value}[${i}]`);
        if (type.count === null) {
          const length = `arrayLength(&${value})`;
          return `put(${length});\n${this.loop(length, element)}`;
        }
        if (choices.chance(60)) return this.loop(type.count, element);
        return Array.from({ length: type.count }, (_, i) => element(`${i}`)).join("");
      }
      case "struct": {
        if (!/atomic|null/.test(JSON.stringify(type)) && choices.chance(30)) {
          const local = `whole${this.locals++}_${this.from}`;
          const declare = choices.of(["let", "var"]);
          return `${declare} ${local} = ${value};\n${this.members(path, type.members, local)}`;
        }
        return this.members(path, type.members, value);
      }
    }
  }

  private members(path: string, members: readonly { name: string; type: Layout }[], value: string) {
    return members
      .map(({ name, type }) => this.copy(`${path}.${name}`, type, `${value}.${name}`))
      .join("");
  }

  private loop(count: number | string, body: (index: string) => string): string {
    const index = `i${this.loops++}_${this.from}`;
    const limit = typeof count === "number" ? `${count}u` : count;
    return `for (var ${index} = 0u; ${index} < ${limit}; ${index}++) {\n${body(index)}}\n`;
  }
}

/** The largest uniform that executors are given. */
const uniformBytes = 512;
const storageBytes = 4096;

/** Null if the types grew too large. */
export function layoutShader(numbers: readonly number[], half: boolean): Shader | null {
  const choices = new Choices(numbers);
  const storage = new Types(choices, "storage", half, "S");
  const top = storage.struct(2, choices.chance(50));
  const uniform = new Types(choices, "uniform", half, "U");
  const fixed = uniform.struct(1, false);
  if (top.size > storageBytes || fixed.size > uniformBytes) return null;
  // A remainder that is no whole element.
  const bytes = roundUp(4, top.size) + 4 * choices.below(64);
  const words = (count: number) => bytesOf(Array.from({ length: count }, (_, i) => wordFrom(i)));
  const wgsl = `${half ? "enable f16;\n" : ""}${storage.declarations.join("")}${uniform.declarations.join("")}
@group(0) @binding(0) var<storage, read_write> source: ${top.name};
@group(0) @binding(1) var<storage, read_write> copied: ${top.name};
@group(0) @binding(2) var<storage, read_write> list: array<u32>;
@group(0) @binding(3) var<uniform> fixed: ${fixed.name};
var<private> length: u32;

fn put(word: u32) {
  list[length] = word;
  length++;
}

@compute @workgroup_size(1)
fn main() {
${new Copy(choices, "source", "copied").copy("", top)}
${new Copy(choices, "fixed", null).copy("", fixed)}
}
`;
  const rest = { access: "read_write" as const };
  return {
    wgsl,
    grid: [1, 1, 1],
    buffers: [
      { name: "source", index: 0, ...rest, bytes: words(bytes / 4) },
      { name: "copied", index: 1, ...rest, bytes: new Uint8Array(bytes).fill(0xa5) },
      { name: "list", index: 2, ...rest, bytes: new Uint8Array(16384) },
    ],
    uniform: { index: 3, bytes: words(uniformBytes / 4) },
  };
}
