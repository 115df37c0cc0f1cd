/** `tilegrad train gpt`. */

import { TilegradError } from "../errors";
import type { Command } from "./command";
import type { TrainOptions } from "./trainOptions";

export const trainGpt: Command<TrainOptions> = async () => {
  throw new TilegradError(
    "tilegrad train gpt is not part of this build: it was made without the engine",
  );
};
