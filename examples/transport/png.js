/** Pictures to and from PNG files, still and animated, in Node. */
import { readFile, writeFile } from "node:fs/promises";
import UPNG from "upng-js";

/** The part of an array's buffer that it shows. */
const bytesOf = ({ buffer, byteOffset, byteLength }) =>
  buffer.slice(byteOffset, byteOffset + byteLength);

/**
 * @param {string} path
 * @returns {Promise<import("./colourTransfer.js").Picture>}
 * @throws Error that names the file, if it cannot be read or is no PNG
 */
export async function readPng(path) {
  const file = await readFile(path).catch((cause) => {
    const reason = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new Error(`${path} cannot be read: ${reason}.`, { cause });
  });
  try {
    const image = UPNG.decode(bytesOf(file));
    return {
      width: image.width,
      height: image.height,
      data: new Uint8ClampedArray(UPNG.toRGBA8(image)[0]),
    };
  } catch (cause) {
    throw new Error(`${path} is no PNG, or a damaged one. Convert the picture to PNG.`, { cause });
  }
}

/**
 * @param {string} path
 * @param {import("./colourTransfer.js").Picture} picture
 */
export async function writePng(path, { width, height, data }) {
  await writeFile(path, new Uint8Array(UPNG.encode([bytesOf(data)], width, height, 0)));
}

/**
 * Writes pictures of one size as an animated PNG, which browsers play.
 *
 * @param {string} path
 * @param {readonly import("./colourTransfer.js").Picture[]} frames
 * @param {readonly number[]} delays milliseconds that each is shown
 */
export async function writeAnimation(path, frames, delays) {
  const { width, height } = frames[0];
  const colours = 256;
  const pixels = frames.map(({ data }) => bytesOf(data));
  await writeFile(path, new Uint8Array(UPNG.encode(pixels, width, height, colours, [...delays])));
}
