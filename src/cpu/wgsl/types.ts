/**
 * The types of WGSL values, with the memory layout of those that can be stored (WGSL, "Memory layout").
 * Types are compared with `sameType`; scalars and vectors come from tables, so `===` works for them.
 */

export type ScalarName = "bool" | "i32" | "u32" | "f32" | "f16" | "abstract-int" | "abstract-float";

export interface ScalarType {
  readonly kind: "scalar";
  readonly name: ScalarName;
}
export interface VectorType {
  readonly kind: "vector";
  readonly width: 2 | 3 | 4;
  readonly element: ScalarType;
}
/** `columns` vectors of `rows` elements; element is f32, f16 or abstract-float. */
export interface MatrixType {
  readonly kind: "matrix";
  readonly columns: 2 | 3 | 4;
  readonly rows: 2 | 3 | 4;
  readonly element: ScalarType;
}
/** `count` null: runtime-sized, the last member of a storage buffer. */
export interface ArrayType {
  readonly kind: "array";
  readonly element: Type;
  readonly count: number | null;
}
export interface StructMember {
  readonly name: string;
  readonly type: Type;
  /** Bytes from the start of the struct. */
  readonly offset: number;
}
export interface StructType {
  readonly kind: "struct";
  readonly name: string;
  readonly members: readonly StructMember[];
  /** Bytes, with padding at the end; of a runtime-sized struct, with an array of one element. */
  readonly size: number;
  readonly align: number;
}
/** i32 or u32 that only atomic functions may touch. */
export interface AtomicType {
  readonly kind: "atomic";
  readonly element: ScalarType;
}
export type AddressSpace = "function" | "private" | "workgroup" | "uniform" | "storage";
export type AccessMode = "read" | "write" | "read_write";
export interface PointerType {
  readonly kind: "pointer";
  readonly space: AddressSpace;
  readonly to: Type;
  readonly access: AccessMode;
}
export type Type =
  | ScalarType
  | VectorType
  | MatrixType
  | ArrayType
  | StructType
  | AtomicType
  | PointerType;

const scalar = (name: ScalarName): ScalarType => Object.freeze({ kind: "scalar", name });

export const bool = scalar("bool");
export const i32 = scalar("i32");
export const u32 = scalar("u32");
export const f32 = scalar("f32");
export const f16 = scalar("f16");
export const abstractInt = scalar("abstract-int");
export const abstractFloat = scalar("abstract-float");

const scalars: readonly ScalarType[] = [bool, i32, u32, f32, f16, abstractInt, abstractFloat];
const widths = [2, 3, 4] as const;
const vectors = new Map(
  scalars.map((element) => [
    element,
    widths.map((width): VectorType => Object.freeze({ kind: "vector", width, element })),
  ]),
);

/** The one object of each vector type. */
export function vectorOf(element: ScalarType, width: 2 | 3 | 4): VectorType {
  return vectors.get(element)![width - 2]!;
}

export function sameType(a: Type, b: Type): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case "scalar":
    case "vector":
    case "struct":
      return false;
    case "matrix":
      return (
        b.kind === "matrix" &&
        a.columns === b.columns &&
        a.rows === b.rows &&
        a.element === b.element
      );
    case "array":
      return b.kind === "array" && a.count === b.count && sameType(a.element, b.element);
    case "atomic":
      return b.kind === "atomic" && a.element === b.element;
    case "pointer":
      return (
        b.kind === "pointer" && a.space === b.space && a.access === b.access && sameType(a.to, b.to)
      );
  }
}

/** The name as WGSL writes it: `array<vec4<f32>, 8>`. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "scalar":
      return type.name;
    case "vector":
      return `vec${type.width}<${type.element.name}>`;
    case "matrix":
      return `mat${type.columns}x${type.rows}<${type.element.name}>`;
    case "array":
      return `array<${typeName(type.element)}${type.count === null ? "" : `, ${type.count}`}>`;
    case "struct":
      return type.name;
    case "atomic":
      return `atomic<${type.element.name}>`;
    case "pointer":
      return `ptr<${type.space}, ${typeName(type.to)}, ${type.access}>`;
  }
}

const scalarBytes = (name: ScalarName): number => (name === "f16" ? 2 : 4);

/** Bytes to which values of the type are aligned. Function, private and workgroup memory use it too. */
export function alignOf(type: Type): number {
  switch (type.kind) {
    case "scalar":
      return scalarBytes(type.name);
    case "vector":
      return scalarBytes(type.element.name) * (type.width === 2 ? 2 : 4);
    case "matrix":
      return scalarBytes(type.element.name) * (type.rows === 2 ? 2 : 4);
    case "array":
      return alignOf(type.element);
    case "struct":
      return type.align;
    case "atomic":
      return 4;
    case "pointer":
      return 4;
  }
}

/** Bytes of a value; of a runtime-sized array, of one element. bool counts as 4 bytes. */
export function sizeOf(type: Type): number {
  switch (type.kind) {
    case "scalar":
      return scalarBytes(type.name);
    case "vector":
      return scalarBytes(type.element.name) * type.width;
    case "matrix":
      return type.columns * alignOf(type);
    case "array":
      return (type.count ?? 1) * strideOf(type);
    case "struct":
      return type.size;
    case "atomic":
      return 4;
    case "pointer":
      return 4;
  }
}

/** Bytes from one element to the next. */
export function strideOf(type: ArrayType): number {
  const align = alignOf(type.element);
  return Math.ceil(sizeOf(type.element) / align) * align;
}
