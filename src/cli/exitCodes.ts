/** What the `tilegrad` command returns to the shell. */

import { ArgumentError } from "../errors";

export const EXIT_OK = 0;
/** Something went wrong while running: a device, a file, a text, a checkpoint, a diverging loss. */
export const EXIT_FAILED = 1;
/** The command line itself is wrong; nothing was started. */
export const EXIT_USAGE = 2;
/** Ctrl-C (128 + SIGINT): after the first the run was saved, after the second it was not. */
export const EXIT_INTERRUPTED = 130;

/** A command line that cannot be run as given. The message names the flag, what was given and the cure. */
export class UsageError extends ArgumentError {
  override name = "UsageError";
}
