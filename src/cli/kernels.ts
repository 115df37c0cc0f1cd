/** `tilegrad kernels`. */

import { TilegradError } from "../errors";
import type { Command, KernelsOptions } from "./command";

export const kernels: Command<KernelsOptions> = async () => {
  throw new TilegradError(
    "tilegrad kernels is not part of this build: it was made without the engine",
  );
};
