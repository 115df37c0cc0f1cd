/** Pictures and labels of digits from IDX files, MNIST's and those made like it. */
import { data } from "tilegrad";
import { pixels, side } from "./raster.js";
import { part } from "./sources.js";

/** @typedef {{ name: string, bytes: Uint8Array }} File */

/** Without a file for tests, one digit in so many is kept for them. */
const keptForTests = 6;

/** Sorts decoded files into pictures and labels. */
function sorted(files) {
  const pictures = [];
  const labels = [];
  for (const { name, shape, values } of files)
    if (
      shape.length === 3 &&
      shape[1] === side &&
      shape[2] === side &&
      values instanceof Uint8Array
    )
      pictures.push({ name, count: shape[0], values });
    else if (shape.length === 1 && values instanceof Uint8Array) {
      if (values.some((label) => label > 9))
        throw new Error(`${name} has labels above 9. Choose files of the digits 0 to 9.`);
      labels.push({ name, count: shape[0], values });
    } else
      throw new Error(
        `${name} is an array [${shape.join(", ")}]. Choose pictures [count, 28, 28] and labels [count], both of bytes.`,
      );
  return { pictures, labels };
}

/** Pictures with the labels that are as many. @returns {import("./sources.js").Digits[]} most digits first */
function paired({ pictures, labels }) {
  return pictures
    .map(({ name, count, values }) => {
      const match = labels.find((one) => one.count === count);
      if (!match)
        throw new Error(
          `There are no labels for the ${count} pictures of ${name}. Choose its labels file too.`,
        );
      const images = Float32Array.from(values.subarray(0, count * pixels), (grey) => grey / 255);
      return { images, labels: Int32Array.from(match.values) };
    })
    .sort((one, other) => other.labels.length - one.labels.length);
}

/**
 * Digits to learn and digits to test on. Of two pairs of files the larger is learned; of one, a sixth is kept for tests.
 *
 * @param {readonly File[]} files IDX, gzipped or not: pictures and labels, of training, of tests or of both
 * @returns {Promise<{ train: import("./sources.js").Digits, test: import("./sources.js").Digits }>}
 * @throws DataError for a file that is no IDX file or a damaged one; Error where files do not fit together
 */
export async function readDigits(files) {
  const decoded = [];
  for (const { name, bytes } of files)
    decoded.push({ name, ...(await data.decodeIdx(bytes, name)) });
  const [first, second] = paired(sorted(decoded));
  const count = first?.labels.length ?? 0;
  if (count < keptForTests)
    throw new Error("Choose at least two files: pictures of digits, and their labels.");
  if (second) return { train: first, test: second };
  const learned = count - Math.floor(count / keptForTests);
  return { train: part(first, 0, learned), test: part(first, learned, count) };
}

/**
 * All digits of the test files of MNIST in a folder.
 *
 * @param {(name: string) => Promise<Uint8Array | null>} read a file of the folder; null if it is not there
 */
export async function readTestDigits(read) {
  const files = [];
  for (const name of ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]) {
    const names = [`${name}.gz`, name, `mnist-${name}.gz`, `mnist-${name}`];
    for (const candidate of names) {
      const bytes = await read(candidate);
      if (!bytes) continue;
      files.push({ name: candidate, ...(await data.decodeIdx(bytes, candidate)) });
      break;
    }
  }
  const [digits] = paired(sorted(files));
  if (!digits) throw new Error("There is no t10k-images-idx3-ubyte.gz or t10k-images-idx3-ubyte.");
  return digits;
}
