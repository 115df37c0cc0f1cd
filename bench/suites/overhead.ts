import type { Suite } from "../frame/bench";

export const overhead: Suite = {
  name: "overhead",
  summary:
    "What an operation costs that hardly computes: sums of 64 numbers, 130 between two waits.",
  run: (bench) =>
    bench.compare("overhead", [
      {
        name: "sum of 64 numbers",
        task: "elementwise",
        options: { kind: "add", rows: 1, width: 64, repeats: 130 },
      },
    ]),
};
