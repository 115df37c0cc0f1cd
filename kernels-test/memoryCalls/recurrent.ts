/** Steps of recurrent networks. */
import type { Tensor } from "../../src/tensor/tensor";
import type { Tilegrad } from "../caseModules";
import type { Calls } from "./operands";

const cell = (tg: Tilegrad, gates: number) => ({
  weightIh: tg.ones([gates * 2, 4]),
  weightHh: tg.ones([gates * 2, 2]),
});

/** With weights of its own, which go before the call counts its results. */
const withCell = <T>(
  tg: Tilegrad,
  gates: number,
  run: (w: ReturnType<typeof cell>, h: Tensor) => T,
): T => {
  const w = cell(tg, gates);
  const h = tg.zeros([3, 2]);
  const result = run(w, h);
  for (const t of [w.weightIh, w.weightHh, h]) t.dispose();
  return result;
};

export const recurrentCalls: Calls = {
  gruCell: [(tg, { x }) => withCell(tg, 3, (w, h) => tg.gruCell(x, h, w))],
  lstmCell: [(tg, { x }) => withCell(tg, 4, (w, h) => tg.lstmCell(x, [h, h], w))],
  rnnCell: [(tg, { x }) => withCell(tg, 1, (w, h) => tg.rnnCell(x, h, w))],
};
