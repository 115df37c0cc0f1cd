/** Samples of the fused steps of recurrent networks. */
import { generate, type HostArray } from "../reference/array";
import { type Layout, real } from "./operand";
import { type PrimitiveSamples, primitive, type SampleTable } from "./sample";

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The value at row and column of the last dimension, of part `part` of the gates. */
const gateAt =
  (gates: HostArray, width: number) =>
  (row: number, part: number, column: number): number =>
    gates.data[row * gates.shape.at(-1)! + part * width + column]!;

const rowOf = (shape: readonly number[], index: readonly number[]): number =>
  index.slice(0, -1).reduce((row, i, d) => row * shape[d]! + i, 0);

/** Each element of the state, given the sums of both gates where it stands. */
function states(
  [gi, gh, state]: readonly HostArray[],
  next: (a: (part: number) => number, b: (part: number) => number, s: number) => number,
): HostArray {
  const width = state!.shape.at(-1)!;
  const [a, b] = [gateAt(gi!, width), gateAt(gh!, width)];
  return generate(state!.shape, (index) => {
    const row = rowOf(state!.shape, index);
    const column = index.at(-1)!;
    const s = state!.data[row * width + column]!;
    return next(
      (part) => a(row, part, column),
      (part) => b(row, part, column),
      s,
    );
  });
}

const shapes: readonly (readonly [string, readonly number[], Layout])[] = [
  ["one", [1, 1], "dense"],
  ["a few rows", [3, 5], "dense"],
  ["no leading dimension", [4], "dense"],
  ["transposed", [4, 3], "transposed"],
  ["sliced", [2, 2, 3], "sliced"],
  ["expanded", [3, 4], "expanded"],
  ["no rows", [0, 4], "dense"],
  ["65 elements", [5, 13], "dense"],
];

const operandsFor = (gates: number, extra: number) =>
  shapes.map(([claim, shape, layout], s) => {
    const wide = [...shape.slice(0, -1), gates * shape.at(-1)!];
    return {
      claim,
      operands: [
        real(wide, 600 + s, { layout }),
        real(wide, 620 + s),
        ...Array.from({ length: 1 + extra }, (_, i) => real(shape, 640 + 10 * i + s, { layout })),
      ],
      attrs: null,
    };
  });

const lstm: PrimitiveSamples = {
  tolerance: { relative: 2e-6, absolute: 1e-6 },
  reference: (inputs) => {
    const cell = (a: (p: number) => number, b: (p: number) => number, c: number): number =>
      sigmoid(a(1) + b(1)) * c + sigmoid(a(0) + b(0)) * Math.tanh(a(2) + b(2));
    return [
      states(inputs, (a, b, c) => sigmoid(a(3) + b(3)) * Math.tanh(cell(a, b, c))),
      states(inputs, cell),
    ];
  },
  samples: operandsFor(4, 0),
};

const gru: PrimitiveSamples = {
  tolerance: { relative: 2e-6, absolute: 1e-6 },
  reference: (inputs) => [
    states(inputs, (a, b, h) => {
      const z = sigmoid(a(1) + b(1));
      return (1 - z) * Math.tanh(a(2) + sigmoid(a(0) + b(0)) * b(2)) + z * h;
    }),
  ],
  samples: operandsFor(3, 0),
};

/** The way back, against the derivative of the way there: what reverse mode gives for (g, h) ↦ g · step. */
const backward = (name: string, gates: number, extra: number): PrimitiveSamples => ({
  tolerance: { relative: 4e-6, absolute: 2e-6 },
  samples: operandsFor(gates, extra).map((sample) => ({
    ...sample,
    call: (inputs) => primitive(name, null)(...inputs),
  })),
});

export const recurrentSamples: SampleTable = {
  lstmGates: lstm,
  lstmGatesBackward: backward("lstmGatesBackward", 4, 2),
  gruGates: gru,
  gruGatesBackward: backward("gruGatesBackward", 3, 1),
};
