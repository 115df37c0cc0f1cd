/**
 * The safetensors file format: named tensors and a map of strings in one file, without code.
 *
 *     u64 little-endian   length of the header in bytes
 *     header              JSON, padded with spaces so that the data start at a multiple of 8:
 *                         { "__metadata__": { string: string },
 *                           name: { "dtype": …, "shape": [ … ], "data_offsets": [begin, end] }, … }
 *     data                the tensors' bytes, little-endian, row-major, without gaps;
 *                         offsets count from the start of the data
 *
 * Source: huggingface/safetensors, whose limits are kept: every byte of the data belongs to exactly one
 * tensor, and the header has at most 100,000,000 bytes. Tensors are written with the widest elements
 * first, then by name, so each starts at a multiple of its element size.
 */

import { ArgumentError, CheckpointError } from "../errors";

/** How JavaScript sees the elements of each type; halves are their 16 bits. */
const ARRAYS = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
} as const;

/** Element types, by the format's names. */
export type SafetensorsDType = keyof typeof ARRAYS;

/** One tensor of a file. */
export interface SafetensorsTensor {
  dtype: SafetensorsDType;
  shape: readonly number[];
  /** Elements, little-endian, row-major. A view into the file's bytes when it was decoded. */
  data: Uint8Array;
}

/** What a file holds. */
export interface SafetensorsFile {
  tensors: ReadonlyMap<string, SafetensorsTensor>;
  metadata: Readonly<Record<string, string>>;
}

/** The array type of each element type: `SafetensorsArray<"F32">` is `Float32Array`. */
export type SafetensorsArray<D extends SafetensorsDType = SafetensorsDType> = InstanceType<
  (typeof ARRAYS)[D]
>;

const LENGTH_BYTES = 8;
const DATA_ALIGNMENT = 8;
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

/** A tensor of the elements in `array`, which is not copied. F16 and BF16 are given as their 16 bits. */
export function fromArray<D extends SafetensorsDType>(
  dtype: D,
  shape: readonly number[],
  array: SafetensorsArray<D>,
): SafetensorsTensor {
  const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return { dtype, shape, data };
}

/**
 * The elements of a tensor; F16 and BF16 as their 16 bits. A view where the bytes are aligned, else a copy.
 * @throws CheckpointError when the tensor has another dtype than `dtype`
 */
export function toArray<D extends SafetensorsDType>(
  tensor: SafetensorsTensor,
  dtype: D,
): SafetensorsArray<D> {
  if (tensor.dtype !== dtype) {
    throw new CheckpointError(
      `a tensor of dtype ${dtype} was expected, the file has ${tensor.dtype}`,
    );
  }
  const ArrayType = ARRAYS[dtype];
  const aligned = tensor.data.byteOffset % ArrayType.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset, byteLength } = aligned ? tensor.data : tensor.data.slice();
  const length = byteLength / ArrayType.BYTES_PER_ELEMENT;
  return new ArrayType(buffer as ArrayBuffer, byteOffset, length) as SafetensorsArray<D>;
}

/**
 * The bytes of a file.
 * @throws ArgumentError for a tensor whose bytes do not match its shape, and for a repeated or reserved name
 */
export const encodeSafetensors = (
  tensors: Iterable<readonly [name: string, tensor: SafetensorsTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array => joined(safetensorsPieces(tensors, metadata));

/** Pieces of a file, one after another. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const file = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let position = 0;
  for (const piece of pieces) {
    file.set(piece, position);
    position += piece.byteLength;
  }
  return file;
}

/**
 * The bytes of a file, in pieces: its head, then the tensors' own `data`, which are not copied.
 * @throws ArgumentError as `encodeSafetensors`
 */
export function safetensorsPieces(
  tensors: Iterable<readonly [name: string, tensor: SafetensorsTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const entries = [...tensors].sort(
    ([a, { dtype: aType }], [b, { dtype: bType }]) =>
      elementBytes(bType) - elementBytes(aType) || (a < b ? -1 : a > b ? 1 : 0),
  );
  const records = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) records.set(METADATA, metadata);
  let dataBytes = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    if (name === METADATA || records.has(name)) {
      const why = name === METADATA ? "is reserved by the format" : "is given twice";
      throw new ArgumentError(
        `safetensors: the name ${JSON.stringify(name)} ${why}; rename the tensor`,
      );
    }
    const bytes = byteSize(dtype, shape);
    if (bytes !== data.byteLength) {
      throw new ArgumentError(
        `safetensors: ${name} is ${dtype} [${shape.join(", ")}], which is ${bytes} bytes, ` +
          `but has ${data.byteLength} bytes of data`,
      );
    }
    records.set(name, { dtype, shape, data_offsets: [dataBytes, dataBytes + bytes] });
    dataBytes += bytes;
  }

  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(records)));
  const padded = Math.ceil(json.length / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  const head = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, LENGTH_BYTES);
  return [head, ...entries.map(([, { data }]) => data)];
}

/**
 * The tensors and metadata of a file, in the order of their data. Nothing is copied: the tensors' bytes
 * are views of `bytes`.
 * @param file what the bytes are, for messages: the path
 * @throws CheckpointError that names the file and what is wrong with it: truncated, not this format, or
 *   a header that does not describe the data exactly
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const fail: Fail = (what) => {
    throw new CheckpointError(`${file} cannot be read as safetensors: ${what}`);
  };
  const { header, dataStart } = readHeader(bytes, fail);
  const dataBytes = bytes.length - dataStart;
  let metadata: Record<string, string> = {};
  const spans: { name: string; tensor: SafetensorsTensor; begin: number; end: number }[] = [];

  for (const [name, record] of Object.entries(header)) {
    if (name === METADATA) {
      metadata = checkMetadata(record, fail);
      continue;
    }
    const { dtype, shape, begin, end } = checkRecord(name, record, fail);
    const size = byteSize(dtype, shape);
    if (end - begin !== size) {
      fail(
        `tensor ${cut(name)} is ${dtype} ${shown(shape)}, which is ${size} bytes, but its data_offsets ` +
          `[${begin}, ${end}] hold ${end - begin}`,
      );
    }
    if (end > dataBytes) {
      fail(
        `it is truncated: tensor ${cut(name)} ends at byte ${end} of the data, but the file has only ` +
          `${dataBytes} bytes of data; copy or save it again`,
      );
    }
    const data = bytes.subarray(dataStart + begin, dataStart + end);
    spans.push({ name, tensor: { dtype, shape, data }, begin, end });
  }

  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let expected = 0;
  let previous = "the start of the data";
  for (const { name, begin, end } of spans) {
    if (begin < expected)
      fail(`tensor ${cut(name)} overlaps ${previous} (byte ${begin} of the data)`);
    if (begin > expected) {
      fail(
        `bytes ${expected} to ${begin} of the data, before tensor ${cut(name)}, belong to no tensor`,
      );
    }
    expected = end;
    previous = `tensor ${cut(name)}`;
  }
  if (expected !== dataBytes) {
    fail(
      `its last ${dataBytes - expected} bytes belong to no tensor; something was appended to the file`,
    );
  }
  return { tensors: new Map(spans.map(({ name, tensor }) => [name, tensor])), metadata };
}

/** Bytes from the start of a file that hold its header: 8 plus what the first 8 say, which may be all it has. */
export function headerBytes(start: Uint8Array): number {
  if (start.length < LENGTH_BYTES) return LENGTH_BYTES;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  return LENGTH_BYTES + Math.min(Number(view.getBigUint64(0, true)), MAX_HEADER_BYTES);
}

/**
 * The names, types and shapes of a file's tensors, from its first `headerBytes` bytes.
 * @param file what the bytes are, for messages: the path
 * @throws CheckpointError as `decodeSafetensors`
 */
export function decodeSafetensorsHeader(
  bytes: Uint8Array,
  file: string,
): ReadonlyMap<string, Pick<SafetensorsTensor, "dtype" | "shape">> {
  const fail: Fail = (what) => {
    throw new CheckpointError(`${file} cannot be read as safetensors: ${what}`);
  };
  const records = Object.entries(readHeader(bytes, fail).header);
  return new Map(
    records
      .filter(([name]) => name !== METADATA)
      .map(([name, record]) => [name, checkRecord(name, record, fail)]),
  );
}

function elementBytes(dtype: SafetensorsDType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** Bytes of a tensor. A product too large for f64 to hold exactly exceeds every file, so it fails later. */
function byteSize(dtype: SafetensorsDType, shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((product, length) => product * length, elementBytes(dtype));
}

/** Says what is wrong and does not return. */
type Fail = (what: string) => never;

function readHeader(
  bytes: Uint8Array,
  fail: Fail,
): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) {
    fail(`it has ${bytes.length} bytes, fewer than the ${LENGTH_BYTES} of the header's length`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    fail(`its first 8 bytes give a header of ${length} bytes; it is another kind of file`);
  }
  const dataStart = LENGTH_BYTES + length;
  if (dataStart > bytes.length) {
    fail(
      `it is truncated: the header needs ${dataStart} bytes, the file has ${bytes.length}; ` +
        "copy or save it again",
    );
  }
  let text = "";
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(LENGTH_BYTES, dataStart),
    );
    header = JSON.parse(text);
  } catch (error) {
    fail(`its header is not JSON (${(error as Error).message})`);
  }
  if (!isRecord(header)) fail("its header is not a JSON object");
  const twice = repeatedKey(text);
  if (twice !== undefined) fail(`its header has the key ${shown(twice)} twice`);
  return { header, dataStart };
}

function checkMetadata(record: unknown, fail: Fail): Record<string, string> {
  if (!isRecord(record)) fail(`${METADATA} is not an object`);
  for (const [key, value] of Object.entries(record)) {
    if (typeof value !== "string") fail(`${METADATA} entry ${cut(key)} is not a string`);
  }
  return record as Record<string, string>;
}

function checkRecord(
  name: string,
  record: unknown,
  fail: Fail,
): { dtype: SafetensorsDType; shape: number[]; begin: number; end: number } {
  if (!isRecord(record)) fail(`tensor ${cut(name)} is described by something that is no object`);
  const { dtype, shape, data_offsets: offsets } = record;
  if (typeof dtype !== "string" || !Object.hasOwn(ARRAYS, dtype)) {
    fail(
      `tensor ${cut(name)} has dtype ${shown(dtype)}; ` +
        `known are ${Object.keys(ARRAYS).join(", ")}`,
    );
  }
  if (!isListOfSizes(shape)) {
    fail(`tensor ${cut(name)} has shape ${shown(shape)}, not a list of whole numbers`);
  }
  if (!isListOfSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    fail(`tensor ${cut(name)} has data_offsets ${shown(offsets)}, not [begin, end]`);
  }
  return { dtype: dtype as SafetensorsDType, shape, begin: offsets[0]!, end: offsets[1]! };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

const SHOWN_CHARACTERS = 100;
const SHOWN_ITEMS = 8;

/** The start of a name, which a damaged header may have megabytes of. */
function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** What stands in a header, for a message that is short however long or deep it is. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(cut(value));
  if (isRecord(value)) return "{…}";
  if (!Array.isArray(value)) return String(value);
  const items = value
    .slice(0, SHOWN_ITEMS)
    .map((item) => (Array.isArray(item) ? "[…]" : shown(item)));
  return `[${items.join(", ")}${value.length > SHOWN_ITEMS ? ", …" : ""}]`;
}

/**
 * A key that one object of `json` has twice, if any: `JSON.parse` would keep the last and hide the rest.
 * `json` is known to parse, so a string followed by a colon is a key.
 */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      const start = at++;
      while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
      let next = at + 1;
      while (/\s/.test(json[next] ?? "")) next++;
      if (json[next] !== ":") continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}
