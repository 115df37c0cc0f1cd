/** Pointwise operations along rows in vec4s: the bits of element by element, whatever lies how. */
import { forcedRowWalk, rowWalks } from "../../src/ops/rowWalk";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { expectEqual } from "../harness";
import { spaced } from "../primitives/operand";

/** Pairs that broadcast: rows, columns, scalars, dimensions in the middle, and what does not lie in vec4s. */
function pairs(tg: Tilegrad): [Tensor, Tensor][] {
  const x = tg.tensor(spaced(6000, -2, 2, 9));
  const part = (shape: number[], first = 0): Tensor => {
    const size = shape.reduce((n, d) => n * d, 1);
    return tg.reshape(tg.narrow(x, 0, first, size), shape);
  };
  return [
    [part([3, 8]), part([8], 100)],
    [part([3, 8]), part([3, 1], 100)],
    [part([5, 4]), part([5, 1], 7)],
    [part([1, 12]), part([7, 1], 3)],
    [part([3, 260]), part([260], 8)],
    [part([2, 1024]), part([2, 1], 1)],
    [part([3, 5, 8]), part([3, 1, 8], 40)],
    [part([3, 5, 8]), part([5, 1], 4)],
    [part([2, 3, 5, 8]), part([2, 1, 5, 1], 4)],
    [part([2, 3, 5, 1, 4]), part([3, 1, 6, 4], 12)],
    [part([3, 8]), part([8], 1)],
    [part([3, 7]), part([7], 4)],
    [part([3, 5]), part([3, 1], 4)],
    [tg.transpose(part([8, 6]), 0, 1), part([8], 4)],
    [tg.narrow(part([9, 16]), 1, 4, 8), part([8])],
    [part([4, 8]), tg.reshape(part([1]), [])],
  ];
}

/** What the kernels of two and three operands give for all pairs. */
async function results(tg: Tilegrad, forced: typeof forcedRowWalk.current): Promise<unknown[]> {
  forcedRowWalk.current = forced;
  try {
    const made = tg.scope(() =>
      pairs(tg).flatMap(([a, b]) => {
        const [m, n] = [tg.to(tg.mul(a, 9), "i32"), tg.to(tg.mul(b, 9), "i32")];
        return [
          tg.sub(a, b),
          tg.sub(b, a),
          tg.lt(a, b),
          tg.sub(m, n),
          tg.lerp(a, b, 0.25),
          tg.where(tg.gt(b, 0), a, b),
          tg.where(tg.gt(a, 0), b, m.to("f32")),
          tg.where(tg.gt(a, 0), n, m),
        ];
      }),
    );
    const all: unknown[] = [];
    for (const t of made) {
      all.push([t.shape, Array.from(await t.data())]);
      t.dispose();
    }
    return all;
  } finally {
    forcedRowWalk.current = null;
  }
}

export const cases: Case[] = [
  ...(["rows", "rowGroups"] as const).map((variant) => ({
    name: `rows in vec4s have the bits of elements (${variant})`,
    async run(tg: Tilegrad) {
      expectEqual(await results(tg, variant), await results(tg, "elements"));
    },
  })),
  {
    name: "clamping to numbers keeps NaN and the ends of a length that is and is none of vec4s",
    async run(tg) {
      for (const length of [1, 4, 5, 64, 1028]) {
        const values = spaced(length, -3, 3, 2);
        values[length - 1] = Number.NaN;
        const y = tg.scope(() => tg.clamp(tg.tensor(values), -1, 1));
        expectEqual(
          Array.from(await y.data()),
          Array.from(values, (v) => (Number.isNaN(v) ? v : Math.min(Math.max(v, -1), 1))),
        );
        y.dispose();
      }
    },
  },
  {
    name: "rows that fill a workgroup have their own, but not on GPUs, nor pairs on drivers in software",
    async run() {
      const of = rowWalks.defaultChoice;
      expectEqual(
        [of("wasm", 2, 63), of("wasm", 2, 64), of("hardware", 2, 64)],
        ["rows", "rowGroups", "rows"],
      );
      expectEqual([of("software", 2, 64), of("software", 3, 64)], ["elements", "rowGroups"]);
      expectEqual(
        [rowWalks.isApplicable("elements", false), rowWalks.isApplicable("rows", false)],
        [true, false],
      );
    },
  },
];
