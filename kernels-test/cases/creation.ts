/** Tensors from host values and from rules, and reading them back. */
import { ArgumentError, ShapeError } from "../../src/errors";
import type { DType } from "../../src/tensor/dtype";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case } from "../caseModules";
import { expectClose, expectEqual, expectThrows } from "../harness";

export const cases: Case[] = [
  {
    name: "a tensor takes its shape from the nesting and its type from the values",
    async run(tg) {
      const made: [Tensor, number[], DType, number[]][] = [
        [tg.tensor(3), [], "f32", [3]],
        [tg.tensor([]), [0], "f32", []],
        [
          tg.tensor([
            [1, 2],
            [3, 4],
            [5, 6],
          ]),
          [3, 2],
          "f32",
          [1, 2, 3, 4, 5, 6],
        ],
        [tg.tensor([[], []]), [2, 0], "f32", []],
        [tg.tensor([true, false]), [2], "bool", [1, 0]],
        [tg.tensor(true), [], "bool", [1]],
        [tg.tensor(Int32Array.of(-1, 2)), [2], "i32", [-1, 2]],
        [tg.tensor(Uint32Array.of(1, 4294967295)), [2], "u32", [1, 4294967295]],
        [tg.tensor(Uint8Array.of(1, 255)), [2], "u32", [1, 255]],
        [tg.tensor(Float32Array.of(1, 2, 3, 4), { shape: [2, 2] }), [2, 2], "f32", [1, 2, 3, 4]],
        [tg.tensor([1, 2, 3, 4, 5, 6], { shape: [1, 6] }), [1, 6], "f32", [1, 2, 3, 4, 5, 6]],
        [tg.tensor([1.9, -1.9, 0], { dtype: "i32" }), [3], "i32", [1, -1, 0]],
        [tg.tensor([2, 0, -1], { dtype: "bool" }), [3], "bool", [1, 0, 1]],
      ];
      for (const [t, shape, dtype, values] of made) {
        expectEqual(
          [t.shape, t.dtype, t.rank, t.size],
          [shape, dtype, shape.length, values.length],
        );
        expectEqual(await t.data(), values);
        t.dispose();
      }
    },
  },
  {
    name: "the host array is copied: changing it later changes nothing",
    async run(tg) {
      const values = Float32Array.of(1, 2);
      const t = tg.tensor(values);
      values[0] = 9;
      expectEqual(await t.data(), [1, 2]);
    },
  },
  {
    name: "values come back in the host's type, nested or alone",
    async run(tg) {
      const types: [DType, unknown][] = [
        ["f32", Float32Array],
        ["i32", Int32Array],
        ["u32", Uint32Array],
        ["bool", Uint8Array],
      ];
      for (const [dtype, kind] of types)
        expectEqual((await tg.ones([2], { dtype }).data()).constructor === kind, true, dtype);
      expectEqual(
        await tg
          .tensor([
            [1, 2],
            [3, 4],
          ])
          .toArray(),
        [
          [1, 2],
          [3, 4],
        ],
      );
      expectEqual(await tg.zeros([2, 0]).toArray(), [[], []]);
      expectEqual(await tg.tensor(7).toArray(), 7);
      expectEqual(await tg.tensor([[[5]]]).item(), 5);
    },
  },
  {
    name: "what is no array of numbers is refused",
    async run(tg) {
      const bad = (value: unknown) => () => tg.tensor(value as number[]);
      expectThrows(bad([[1, 2], [3]]), ShapeError, /ragged/);
      expectThrows(bad([1, [2]]), ShapeError, /ragged/);
      expectThrows(bad(undefined), ArgumentError, /data is missing/);
      expectThrows(bad("text"), ArgumentError, /number or boolean/);
      expectThrows(bad([1, "2"]), ArgumentError, /number or boolean/);
      expectThrows(bad([null]), ArgumentError, /number or boolean/);
      expectThrows(bad([Float32Array.of(1)]), ArgumentError, /number or boolean/);
      expectThrows(
        () => tg.tensor([1, 2, 3], { shape: [2, 2] }),
        ShapeError,
        /3 values do not fill/,
      );
      expectThrows(() => tg.zeros([2, -1]), ShapeError, /no whole number >= 0/);
      expectThrows(() => tg.zeros([1.5]), ShapeError, /no whole number >= 0/);
      expectThrows(() => tg.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1]), ShapeError, /at most 8/);
    },
  },
  {
    name: "full, zeros and ones fill any shape and type",
    async run(tg) {
      expectEqual(await tg.full([2, 3], -2.5).data(), [-2.5, -2.5, -2.5, -2.5, -2.5, -2.5]);
      expectEqual(
        await tg.full([3], 4294967295, { dtype: "u32" }).data(),
        Array(3).fill(4294967295),
      );
      expectEqual(await tg.full([2], 7, { dtype: "bool" }).data(), [1, 1]);
      expectEqual(await tg.full([], 4).item(), 4);
      expectEqual(await tg.zeros([0]).data(), []);
      const like = tg.onesLike(tg.zeros([2, 2], { dtype: "i32" }));
      expectEqual([like.shape, like.dtype], [[2, 2], "i32"]);
    },
  },
  {
    name: "arange counts from start to before end, in steps up or down",
    async run(tg) {
      expectEqual(await tg.arange(4).data(), [0, 1, 2, 3]);
      expectEqual(await tg.arange(2, 5).data(), [2, 3, 4]);
      expectEqual(await tg.arange(5, 0, -2).data(), [5, 3, 1]);
      expectEqual(await tg.arange(3, 3).data(), []);
      expectEqual(await tg.arange(5, 2).data(), []);
      expectEqual(tg.arange(3).dtype, "i32");
      const tenths = tg.arange(0, 1, 0.25);
      expectEqual([tenths.dtype, ...(await tenths.data())], ["f32", 0, 0.25, 0.5, 0.75]);
      expectThrows(() => tg.arange(0, 5, 0), ArgumentError, /never gets/);
      expectThrows(() => tg.arange(0, Number.POSITIVE_INFINITY), ArgumentError, /never gets/);
    },
  },
  {
    name: "linspace includes both ends",
    async run(tg) {
      const close = { relative: 2e-7, absolute: 1e-7 };
      expectClose(await tg.linspace(-1, 1, 5).data(), [-1, -0.5, 0, 0.5, 1], close);
      expectClose(
        await tg.linspace(0, 1, 11).data(),
        Array.from({ length: 11 }, (_, i) => i / 10),
        close,
      );
      expectEqual(await tg.linspace(3, 9, 1).data(), [3]);
      expectEqual(await tg.linspace(3, 9, 0).data(), []);
      expectThrows(() => tg.linspace(0, 1, 1.5), ArgumentError, /whole number/);
    },
  },
  {
    name: "logspace gives powers of the base, both ends included",
    async run(tg) {
      const close = { relative: 1e-6, absolute: 0 };
      expectClose(await tg.logspace(-1, 2, 4).data(), [0.1, 1, 10, 100], close);
      expectEqual(
        await tg.logspace(0, 10, 11, 2).data(),
        [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
      );
      const whole = tg.logspace(3, 3, 1, 2, { dtype: "i32" });
      expectEqual([whole.dtype, await whole.item()], ["i32", 8]);
      expectThrows(() => tg.logspace(0, 1, 2, 0), ArgumentError, /base 0/);
      expectThrows(() => tg.logspace(0, 1, -1), ArgumentError, /whole number/);
    },
  },
  {
    name: "fullLike takes the shape and the type of a tensor, unless told another",
    async run(tg) {
      const like = tg.zeros([2, 1], { dtype: "i32" });
      const full = tg.fullLike(like, 3);
      expectEqual([full.shape, full.dtype, await full.data()], [[2, 1], "i32", [3, 3]]);
      expectEqual(tg.fullLike(like, 0.5, { dtype: "f32" }).dtype, "f32");
    },
  },
  {
    name: "eye, tril, triu and oneHot",
    async run(tg) {
      expectEqual(await tg.eye(2, 3).toArray(), [
        [1, 0, 0],
        [0, 1, 0],
      ]);
      const x = tg.tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      expectEqual(await x.tril().toArray(), [
        [1, 0, 0],
        [4, 5, 0],
      ]);
      expectEqual(await x.tril(1).toArray(), [
        [1, 2, 0],
        [4, 5, 6],
      ]);
      expectEqual(await x.triu(-1).toArray(), [
        [1, 2, 3],
        [4, 5, 6],
      ]);
      expectEqual(await x.triu(1).toArray(), [
        [0, 2, 3],
        [0, 0, 6],
      ]);
      const mask = tg.tril(tg.ones([3, 3], { dtype: "bool" }));
      expectEqual([mask.dtype, ...(await mask.data())], ["bool", 1, 0, 0, 1, 1, 0, 1, 1, 1]);
      const batch = tg.tril(tg.ones([2, 2, 2]));
      expectEqual(await batch.data(), [1, 0, 1, 1, 1, 0, 1, 1]);
      const hot = tg.oneHot(tg.tensor(Int32Array.of(2, 0)), 3);
      expectEqual(
        [hot.dtype, await hot.toArray()],
        [
          "i32",
          [
            [0, 0, 1],
            [1, 0, 0],
          ],
        ],
      );
      expectThrows(() => tg.tril(tg.ones([3])), ArgumentError, /tril: takes matrices/);
    },
  },
];
