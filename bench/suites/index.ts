/** All suites, in the order in which "all" runs them. */
import type { Suite } from "../frame/bench";
import { attention } from "./attention";
import { bundle } from "./bundle";
import { crossEntropy } from "./crossEntropy";
import { curves } from "./curves";
import { elementwise } from "./elementwise";
import { firstStep } from "./firstStep";
import { galore } from "./galore";
import { gpt2 } from "./gpt2";
import { gpu } from "./gpu";
import { matmul } from "./matmul";
import { memory } from "./memory";
import { mnist } from "./mnist";
import { norms } from "./norms";
import { optimizer } from "./optimizer";
import { overhead } from "./overhead";
import { reductions } from "./reductions";
import { train } from "./train";
import { transport } from "./transport";

export const suites: readonly Suite[] = [
  matmul,
  attention,
  norms,
  reductions,
  crossEntropy,
  elementwise,
  optimizer,
  galore,
  transport,
  train,
  mnist,
  overhead,
  firstStep,
  memory,
  curves,
  bundle,
  gpu,
  gpt2,
];
