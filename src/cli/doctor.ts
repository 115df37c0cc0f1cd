/** `tilegrad doctor`. */

import { TilegradError } from "../errors";
import type { Command, DoctorOptions } from "./command";

export const doctor: Command<DoctorOptions> = async () => {
  throw new TilegradError(
    "tilegrad doctor is not part of this build: it was made without the engine",
  );
};
