/** Strict UTF-8: text in another encoding is refused with the place, never read with replacement marks. */

import { DataError } from "../errors";

/**
 * The text of `bytes`, without a byte order mark.
 * @param name what the bytes are, for messages: a file name
 * @throws DataError that names the first byte that is not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const offset = firstInvalidUtf8(bytes);
    if (offset < 0) {
      throw new DataError(
        `${name} has ${bytes.length} bytes, more than one string can hold here; give a part of it`,
      );
    }
    const line = lineOf(bytes, offset);
    const byte = bytes[offset]!.toString(16).padStart(2, "0");
    throw new DataError(
      `${name} is not UTF-8: ${describe(bytes, offset, byte)} at byte offset ${offset} (line ${line}). ` +
        `Convert it first: ${conversion(bytes)}`,
    );
  }
}

/**
 * Offset of the first byte of the first sequence that is not well-formed (Unicode 15, table 3-7), or -1.
 */
export function firstInvalidUtf8(bytes: Uint8Array): number {
  for (let start = 0; start < bytes.length; ) {
    const lead = bytes[start]!;
    const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length === 0 || lead > 0xf4) return start;
    // The second byte's range keeps out overlong forms (e0, f0), surrogates (ed) and code points past
    // U+10FFFF (f4).
    let least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    let most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    for (let i = 1; i < length; i++) {
      const byte = bytes[start + i];
      if (byte === undefined || byte < least || byte > most) return start;
      least = 0x80;
      most = 0xbf;
    }
    start += length;
  }
  return -1;
}

function describe(bytes: Uint8Array, offset: number, byte: string): string {
  const expected = bytes[offset]! >= 0xf0 ? 4 : bytes[offset]! >= 0xe0 ? 3 : 2;
  const cutShort = bytes[offset]! >= 0xc2 && offset + expected > bytes.length;
  return cutShort ? `the last character is cut short (byte 0x${byte})` : `byte 0x${byte}`;
}

function conversion(bytes: Uint8Array): string {
  const littleEndian16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  const bigEndian16 = bytes[0] === 0xfe && bytes[1] === 0xff;
  const from = littleEndian16 || bigEndian16 ? "utf-16" : "latin1";
  return `iconv -f ${from} -t utf-8 OLD > NEW (if it is ${from} text)`;
}

function lineOf(bytes: Uint8Array, offset: number): number {
  let line = 1;
  for (let i = 0; i < offset; i++) if (bytes[i] === 0x0a) line++;
  return line;
}
