/** Rounding to bf16 and to bytes, and arithmetic on what was rounded. */
import * as tg from "../../../src/node";
import type { Operations } from "./forms";

const brain = (x: tg.Tensor): tg.Tensor => tg.to(x, "bf16");
const wide = (x: tg.Tensor): tg.Tensor => tg.to(x, "f32");

export const precisionOperations: Operations = {
  brainRound: ([x]) => wide(brain(x!)),
  brainAdd: ([a, b]) => wide(tg.add(brain(a!), brain(b!))),
  brainMul: ([a, b]) => wide(tg.mul(brain(a!), brain(b!))),
  brainDiv: ([a, b]) => wide(tg.div(brain(a!), brain(b!))),
  byteRound: ([x]) => wide(tg.to(x!, "i8")),
};
