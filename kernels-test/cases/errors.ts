/** Bad arguments: each is refused at once, by the class that says which kind of cure there is. */
import {
  ArgumentError,
  DTypeError,
  IndexError,
  LimitError,
  ShapeError,
  type TilegradError,
} from "../../src/errors";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { assert, expectEqual, expectRejects, expectThrows } from "../harness";

type ErrorClass = typeof TilegradError;
type Bad = (tg: Tilegrad, x: Tensor) => unknown;

/** What is refused: the call on an f32 [2, 3], the class, and what the message must tell. */
const refused: Readonly<Record<string, readonly [Bad, ErrorClass, RegExp][]>> = {
  "shapes that do not broadcast": [
    [(tg, x) => x.add(tg.ones([2])), ShapeError, /add: shapes \[2, 3\] and \[2\] do not broadcast/],
    [(tg, x) => x.lt(tg.ones([4, 3])), ShapeError, /lt: shapes/],
    [(tg, x) => tg.where(x.gt(0), x, tg.ones([5])), ShapeError, /where: shapes/],
    [(tg, x) => x.clamp(tg.zeros([2]), 1), ShapeError, /clamp: shapes/],
    [(tg, x) => x.lerp(tg.zeros([4]), 1), ShapeError, /lerp: shapes/],
  ],
  "dimensions out of range": [
    [(_, x) => x.sum({ dim: 2 }), ShapeError, /sum: dim 2 is out of range for 2.*-2 to 1/],
    [(_, x) => x.transpose(0, -3), ShapeError, /transpose: dim -3/],
    [(_, x) => x.unsqueeze(4), ShapeError, /unsqueeze: dim 4/],
    [(_, x) => x.squeeze(7), ShapeError, /squeeze: dim 7/],
    [(_, x) => x.argmax({ dim: 0.5 }), ShapeError, /argmax: dim 0.5/],
    [(tg, x) => tg.cat([x, x], 2), ShapeError, /cat: dim 2/],
    [(tg, x) => tg.stack([x, x], 3), ShapeError, /stack: dim 3/],
    [(tg, x) => tg.softmax(x, 2), ShapeError, /softmax: dim 2/],
    [(tg, x) => tg.cumsum(x, -3), ShapeError, /cumsum: dim -3/],
    [(_, x) => x.flatten(1, 0), ShapeError, /startDim 1 comes after endDim 0/],
  ],
  "sizes that do not fit": [
    [(_, x) => x.reshape([4]), ShapeError, /reshape: \[2, 3\] \(6 elements\) does not fit \[4\]/],
    [(_, x) => x.reshape([-1, -1]), ShapeError, /at most one entry may be -1/],
    [(_, x) => x.reshape([-1, 4]), ShapeError, /reshape/],
    [(_, x) => x.reshape([-2, -3]), ShapeError, /reshape/],
    [(_, x) => x.expand([3, 3]), ShapeError, /expand: \[2, 3\] does not expand to \[3, 3\]/],
    [(_, x) => x.expand([3]), ShapeError, /expand/],
    [(_, x) => x.permute([0, 0]), ShapeError, /must name each of the 2 dimensions/],
    [(_, x) => x.permute([1]), ShapeError, /must name each/],
    [(_, x) => x.narrow(1, 1, 3), ShapeError, /narrow: start 1 and length 3 leave dimension 1/],
    [(_, x) => x.narrow(1, 0.5, 1), ShapeError, /narrow/],
    [(_, x) => x.select(0, 2), ShapeError, /select: index 2.*-2 to 1/],
    [(_, x) => x.split([1, 1], 1), ShapeError, /split: sizes \[1, 1\].*which is 3/],
    [(_, x) => x.split([4, -1], 1), ShapeError, /split: sizes \[4, -1\]/],
    [(tg, x) => tg.cat([x, tg.ones([2, 4])], 0), ShapeError, /cat: f32 \[2, 4\] does not continue/],
    [(tg, x) => tg.stack([x, tg.ones([2, 4])]), ShapeError, /stack: shapes/],
    [(tg, x) => tg.matmul(x, x), ShapeError, /matmul: shapes.*3 columns against 2 rows/],
    [(tg, x) => tg.linear(x, tg.ones([4, 2])), ShapeError, /linear/],
    [(tg, x) => tg.layerNorm(x, [2]), ShapeError, /layerNorm/],
  ],
  "scalars where dimensions are needed": [
    [(tg) => tg.tensor(1).slice({ dim: 0 }), ShapeError, /slice: a scalar has no dimensions/],
    [(tg) => tg.tensor(1).select(0, 0), ShapeError, /select: a scalar/],
    [(tg) => tg.tensor(1).narrow(0, 0, 1), ShapeError, /narrow: a scalar/],
    [(tg) => tg.tensor(1).split(1), ShapeError, /split: a scalar/],
    [(tg) => tg.cat([tg.tensor(1)]), ShapeError, /cat: scalars/],
    [(tg, x) => tg.matmul(x, tg.tensor(2)), ShapeError, /a number is no matrix/],
  ],
  "element types that do not fit": [
    [(_, x) => x.gt(0).neg(), DTypeError, /neg: not defined for bool/],
    [(_, x) => x.gt(0).add(x.gt(1)), DTypeError, /add: not defined for bool.*\.to\("f32"\)/],
    [(_, x) => x.logicalAnd(x), DTypeError, /logicalAnd: not defined for f32; it takes u32, bool/],
    [(tg, x) => tg.where(x, x, x), DTypeError, /condition has dtype f32; it takes bool/],
    [(_, x) => x.to("i32").mean(), DTypeError, /mean: not defined for i32/],
    [(_, x) => x.any(), DTypeError, /any: takes bool, got f32/],
    [(_, x) => x.gt(0).max(), DTypeError, /max: not defined for bool; use any\(\)/],
    [(tg, x) => tg.embedding(x, x), DTypeError, /embedding: index has dtype f32/],
    [(tg, x) => tg.gather(x, 0, x), DTypeError, /gather/],
    [(tg, x) => tg.crossEntropy(x, tg.ones([2])), DTypeError, /crossEntropy: target has dtype f32/],
    [(tg, x) => tg.cumsum(x.gt(0), 0), DTypeError, /cumsum: not defined for bool/],
  ],
  "arguments outside their values": [
    [(_, x) => x.slice({ dim: 0, step: 0 }), ArgumentError, /slice: step 0/],
    [(_, x) => x.slice({ dim: 0, start: 0.5 }), ArgumentError, /slice: start 0.5/],
    [(_, x) => x.pad([1]), ArgumentError, /pad: padding \[1\]/],
    [(_, x) => x.pad([-4, 0]), ArgumentError, /leave no size below 0/],
    [(_, x) => x.pad([0, 0, 0, 0, 0, 1]), ArgumentError, /up to 2 trailing dimensions/],
    [(_, x) => x.split(0), ArgumentError, /split: size 0/],
    [(_, x) => x.variance({ correction: -1 }), ArgumentError, /correction -1/],
    [(tg) => tg.cat([]), ArgumentError, /at least one tensor/],
    [(tg) => tg.stack([]), ArgumentError, /at least one tensor/],
    [(tg) => tg.add(1, 2), ArgumentError, /add: both operands are numbers, 1 and 2/],
    [
      (tg) => tg.add(tg.zeros([1, 1, 1, 1]), tg.zeros([1, 1, 1, 1])).reshape(Array(9).fill(1)),
      ShapeError,
      /at most 8/,
    ],
  ],
};

const indices: Case[] = [
  {
    name: "an index outside its range raises IndexError at the next read, once, and the device works on",
    async run(tg) {
      const table = tg.ones([4, 2]);
      const bad = tg.embedding(tg.tensor(Int32Array.of(0, 4)), table);
      await expectRejects(
        bad.data(),
        IndexError,
        /embedding.*index 4 is out of range; valid are 0 to 3/,
      );
      expectEqual(await table.sum().item(), 8);
      const negative = tg.gather(table, 0, tg.tensor(Int32Array.of(-1, 0), { shape: [1, 2] }));
      await expectRejects(negative.data(), IndexError, /gather.*index -1 is out of range/);
      const target = tg.crossEntropy(table, tg.tensor(Int32Array.of(0, 1, 2, 0)));
      await expectRejects(target.item(), IndexError, /crossEntropy.*index 2/);
      expectEqual(await table.sum().item(), 8);
    },
  },
  {
    name: "a tensor too large for the device is refused by its size",
    async run(tg) {
      const { maxBindingBytes, maxBufferBytes } = tg.currentDevice().executor.limits;
      const count = Math.floor(Math.min(maxBindingBytes, maxBufferBytes) / 4) + 1;
      expectThrows(
        () => tg.zeros([count]),
        LimitError,
        new RegExp(`f32 tensor \\[${count}\\] needs`),
      );
      expectThrows(() => tg.ones([1]).expand([count]).add(1), LimitError, /needs/);
    },
  },
  {
    name: "reading one number from many is refused",
    run: (tg) => expectRejects(tg.ones([2]).item(), ShapeError, /item: the tensor has shape \[2\]/),
  },
];

export const cases: Case[] = [
  ...Object.entries(refused).map(
    ([name, calls]): Case => ({
      name: `${name} are refused, and nothing stays behind`,
      async run(tg) {
        const live = () => tg.memory().liveBytes - tg.memory().byCategory.constant;
        const x = tg.ones([2, 3]);
        const before = live();
        for (const [bad, kind, pattern] of calls)
          expectThrows(() => tg.scope(() => bad(tg, x)), kind, pattern);
        assert(live() === before, "a refused call left memory behind");
        expectEqual(await x.sum().item(), 6);
        x.dispose();
      },
    }),
  ),
  ...indices,
];
