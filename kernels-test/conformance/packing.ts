/**
 * Functions that pack floats into words and back. Packing rounds `scale` times the value to a whole
 * number, in either direction where it lies between two (WGSL, "Data Packing Built-in Functions").
 */

export interface Packing {
  /** Of `pack…` and `unpack…`. */
  readonly name: string;
  readonly fields: 2 | 4;
  readonly scale: number;
  readonly signed: boolean;
}

export const packings: readonly Packing[] = [
  { name: "4x8snorm", fields: 4, scale: 127, signed: true },
  { name: "4x8unorm", fields: 4, scale: 255, signed: false },
  { name: "2x16snorm", fields: 2, scale: 32767, signed: true },
  { name: "2x16unorm", fields: 2, scale: 65535, signed: false },
];

const fieldOf = (word: number, field: number, { fields, signed }: Packing): number => {
  const bits = 32 / fields;
  const raw = (word >>> (field * bits)) & (2 ** bits - 1);
  return signed && raw >= 2 ** (bits - 1) ? raw - 2 ** bits : raw;
};

/** What is wrong with the packed word of the values, or null. */
export function wrongPacking(packing: Packing, values: readonly number[], word: number) {
  for (let field = 0; field < packing.fields; field++) {
    const low = packing.signed ? -1 : 0;
    const exact = Math.min(1, Math.max(low, values[field]!)) * packing.scale;
    const got = fieldOf(word, field, packing);
    if (Math.abs(got - exact) > 0.5 + 2 ** -8)
      return `pack${packing.name}: field ${field} of ${values} is ${got}, not ${exact}`;
  }
  return null;
}

/** What is wrong with the values unpacked from the word, or null. */
export function wrongUnpacking(packing: Packing, word: number, values: readonly number[]) {
  for (let field = 0; field < packing.fields; field++) {
    const exact = Math.max(-1, fieldOf(word, field, packing) / packing.scale);
    if (Math.abs(values[field]! - exact) > 3 * 2 ** -24)
      return `unpack${packing.name}: field ${field} of ${word} is ${values[field]}, not ${exact}`;
  }
  return null;
}
