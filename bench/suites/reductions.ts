import type { Case, Suite } from "../frame/bench";

const reduce = (kind: string, rows: number, width: number, dim?: 0 | 1): Case => ({
  name: `${kind}${dim === undefined ? "" : ` along ${dim}`}, ${rows} × ${width}`,
  task: "reduce",
  options: { kind, rows, width, ...(dim === undefined ? {} : { dim }), repeats: 5 },
  bytes: 4 * rows * width * (kind === "softmax" ? 2 : 1),
});

export const reductions: Suite = {
  name: "reductions",
  summary: "Sums, maxima, their positions, log-sum-exp and softmax.",
  run: (bench) =>
    bench.compare("reductions", [
      reduce("sum", 1024, 1024),
      reduce("sum", 1024, 1024, 0),
      reduce("sum", 1024, 1024, 1),
      reduce("sum", 16, 65536, 1),
      reduce("sum", 65536, 16, 1),
      reduce("max", 1024, 1024, 1),
      reduce("argmax", 1024, 1024, 1),
      reduce("logsumexp", 1024, 1024),
      reduce("softmax", 1024, 1024),
    ]),
};
