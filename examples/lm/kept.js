/** The one file that a run is kept in: in the origin's private file system, so that it outlives the page. */
import { browserFiles } from "tilegrad/functions";

const path = "tilegrad-lm.safetensors";

/** The bytes that were kept last, or null. */
export async function readKept() {
  const files = browserFiles();
  return (await files.exists(path)) ? files.read(path) : null;
}

/** Keeps `bytes` instead: whoever reads finds all of the old or all of the new. */
export const keep = (bytes) => browserFiles().writeAtomic(path, bytes);

export const forgetKept = () => browserFiles().remove(path);
