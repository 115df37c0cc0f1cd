/**
 * The IDX file format of the MNIST digits: one array in one file, whose numbers are big-endian.
 *
 *     u8 0, u8 0     always
 *     u8 type        0x08 u8, 0x09 i8, 0x0B i16, 0x0C i32, 0x0D f32, 0x0E f64
 *     u8 rank        number of dimensions
 *     u32 × rank     their sizes
 *     elements       row-major, without gaps, to the end of the file
 *
 * Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits". The files are usually
 * handed out as gzip (RFC 1952), which is inflated here and never into more than the file's own header says.
 */

import { ArgumentError, DataError } from "../errors";
import { requireOptions } from "../options";

const elementTypes = {
  8: { name: "u8", ArrayType: Uint8Array },
  9: { name: "i8", ArrayType: Int8Array },
  11: { name: "i16", ArrayType: Int16Array },
  12: { name: "i32", ArrayType: Int32Array },
  13: { name: "f32", ArrayType: Float32Array },
  14: { name: "f64", ArrayType: Float64Array },
} as const;

type ElementCode = keyof typeof elementTypes;

/** What the elements of an IDX file become, by their type: u8, i8, i16, i32, f32, f64. */
export type IdxArray = InstanceType<(typeof elementTypes)[ElementCode]["ArrayType"]>;

/** What an IDX file holds. */
export interface IdxData<V extends IdxArray = IdxArray> {
  /** Sizes of the dimensions. */
  readonly shape: readonly number[];
  /** The elements, row-major. A view into the file's bytes where they are single bytes and were not compressed. */
  readonly values: V;
}

export interface IdxOptions {
  /** Most bytes that a compressed file may inflate to, headers included. Default 2^30. */
  maxBytes?: number;
}

const magicBytes = 4;
const sizeBytes = 4;
/** A code of deflate stands for at most 258 bytes and takes at least 2 bits. Source: zlib's technical details. */
const mostInflation = 1032;

/** Says what is wrong and does not return. */
type Fail = (what: string) => never;

/**
 * The array of an IDX file, compressed by gzip or not.
 * @param bytes the whole file
 * @param file what the bytes are, for messages: the path
 * @throws DataError that names the file and what is wrong with it: another format, truncated, damaged, or
 *   longer than its header says
 *
 * ```ts
 * const { shape, values } = await data.decodeIdx(bytes, "t10k-images-idx3-ubyte.gz"); // [10000, 28, 28]
 * ```
 */
export async function decodeIdx(
  bytes: Uint8Array,
  file: string,
  options: IdxOptions = {},
): Promise<IdxData> {
  const { maxBytes = 2 ** 30 } = requireOptions("data.decodeIdx", options, "maxBytes");
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1)
    throw new ArgumentError(`maxBytes must be a whole number from 1 up, got ${maxBytes}`);
  const fail: Fail = (what) => {
    throw new DataError(`${file} cannot be read as IDX: ${what}`);
  };
  const plain = isGzip(bytes) ? await inflate(bytes, maxBytes, fail) : bytes;
  const header = readHeader(plain, fail);
  if (header === null) {
    const need = plain.length < magicBytes ? magicBytes : magicBytes + sizeBytes * plain[3]!;
    fail(`it is truncated: its header needs ${need} bytes, there are ${plain.length}`);
  }
  const { fileBytes } = header;
  if (plain.length < fileBytes)
    fail(
      `it is truncated: ${describe(header)} needs ${fileBytes} bytes, there are ${plain.length}`,
    );
  if (plain.length > fileBytes)
    fail(
      `${plain.length - fileBytes} bytes follow the ${fileBytes} that ${describe(header)} needs; ` +
        "something was appended to the file",
    );
  return { shape: header.shape, values: elements(plain, header) };
}

interface Header {
  readonly code: ElementCode;
  readonly shape: readonly number[];
  readonly headerBytes: number;
  /** Of header and elements. Not exact above 2^53, where no file comes near. */
  readonly fileBytes: number;
}

/** Null where `bytes` end before the header does. */
function readHeader(bytes: Uint8Array, fail: Fail): Header | null {
  const magic = [...bytes.subarray(0, magicBytes)];
  if (magic.some((byte, i) => (i < 2 && byte !== 0) || (i === 2 && !(byte in elementTypes)))) {
    const hex = magic.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    fail(
      `it starts with the bytes ${hex}, but IDX starts with 00 00 and then one of ` +
        `${Object.entries(elementTypes)
          .map(([code, { name }]) => `0${Number(code).toString(16)} (${name})`)
          .join(", ")}; it is another kind of file`,
    );
  }
  const code = magic[2] as ElementCode;
  const rank = magic[3];
  if (rank === undefined) return null;
  const headerBytes = magicBytes + sizeBytes * rank;
  if (bytes.length < headerBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const shape = Array.from({ length: rank }, (_, d) => view.getUint32(magicBytes + sizeBytes * d));
  const { BYTES_PER_ELEMENT } = elementTypes[code].ArrayType;
  // The product of 255 large sizes is Infinity, which times 0 would be no number.
  const elements = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  return { code, shape, headerBytes, fileBytes: headerBytes + elements * BYTES_PER_ELEMENT };
}

const describe = ({ code, shape }: Header): string =>
  `${elementTypes[code].name} [${shape.join(", ")}]`;

/** The elements of a file that is as long as its header says, bit for bit. */
function elements(bytes: Uint8Array, { code, headerBytes }: Header): IdxArray {
  const { ArrayType } = elementTypes[code];
  const width = ArrayType.BYTES_PER_ELEMENT;
  const littleEndian = width === 1 ? bytes.subarray(headerBytes) : bytes.slice(headerBytes);
  const { buffer, byteOffset, byteLength } = littleEndian;
  if (width > 1)
    for (let at = 0; at < byteLength; at += width) littleEndian.subarray(at, at + width).reverse();
  return new ArrayType(buffer as ArrayBuffer, byteOffset, byteLength / width);
}

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * The bytes in a gzip file. As soon as the header is there it says how many there are to be: inflating
 * stops where more come, and at once where so many cannot be in the file.
 */
async function inflate(bytes: Uint8Array, maxBytes: number, fail: Fail): Promise<Uint8Array> {
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream("gzip"))
    .getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let header: Header | null = null;
  try {
    for (;;) {
      const { done, value } = await nextChunk(reader, fail);
      if (done) break;
      chunks.push(value);
      length += value.length;
      if (header === null) {
        header = readHeader(joined(chunks, length), fail);
        if (header !== null) requireInflatable(header, bytes.length, maxBytes, fail);
      }
      if (header !== null && length > header.fileBytes)
        fail(`more follows the ${header.fileBytes} bytes that ${describe(header)} needs`);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  // Not every home refuses what follows the compressed data; the last 4 bytes are then not the size.
  const end = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4);
  if (end.getUint32(0, true) !== length)
    fail("its last 4 bytes are not the size of what it holds; something was appended to the file");
  return joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function requireInflatable(header: Header, compressed: number, maxBytes: number, fail: Fail): void {
  const { fileBytes } = header;
  if (fileBytes > maxBytes)
    fail(
      `${describe(header)} needs ${fileBytes} bytes, more than maxBytes (${maxBytes}); ` +
        "raise maxBytes if that is meant",
    );
  if (fileBytes > compressed * mostInflation)
    fail(
      `it is truncated or damaged: ${describe(header)} needs ${fileBytes} bytes, ` +
        `which no gzip file of ${compressed} bytes can hold`,
    );
}

async function nextChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  fail: Fail,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (error) {
    fail(`its gzip data are damaged or cut short (${(error as Error).message})`);
  }
}
