import { TilegradError } from "../../errors";
import type { Position } from "./program";

/** WGSL that is not valid, or that the CPU executor cannot compile. */
export class ShaderError extends TilegradError {
  override name = "ShaderError";

  constructor(
    /** What is wrong and what to do, without the position. */
    readonly reason: string,
    readonly at: Position,
    /** The kernel it is in, where that is known. */
    kernel?: string,
  ) {
    super(`${kernel ? `${kernel}: ` : ""}line ${at.line}, column ${at.column}: ${reason}`);
  }
}
