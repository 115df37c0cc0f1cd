/** A set-up step that cannot go on; the message says what is missing and how to get it. */
export class SetupError extends Error {
  name = "SetupError";
}
