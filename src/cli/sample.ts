/** `tilegrad sample`. */

import { TilegradError } from "../errors";
import type { Command } from "./command";
import type { SampleOptions } from "./sampleOptions";

export const sample: Command<SampleOptions> = async () => {
  throw new TilegradError(
    "tilegrad sample is not part of this build: it was made without the engine",
  );
};
