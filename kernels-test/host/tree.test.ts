import { describe, expect, test } from "vitest";
import { forEachTensor, mapTensors, tensorsOf } from "../../src/tensor/tree";
import { HandleOnly } from "./handleOnly";

const t = (name: string): HandleOnly => new HandleOnly(name);

describe("trees", () => {
  test("tensors are visited depth first, arrays by index and objects by key", () => {
    const [a, b, c, d] = ["a", "b", "c", "d"].map(t) as [
      HandleOnly,
      HandleOnly,
      HandleOnly,
      HandleOnly,
    ];
    const tree = { z: [a, { inner: b }], y: c, x: [[d]] };
    expect(tensorsOf(tree)).toEqual([a, b, c, d]);
    const seen: unknown[] = [];
    forEachTensor(a, (tensor) => seen.push(tensor));
    expect(seen).toEqual([a]);
  });

  test("what is no tensor, array or plain object is left alone", () => {
    class Box {
      readonly inside = t("hidden");
    }
    const tree = { box: new Box(), text: "x", none: null, number: 3, map: new Map([[1, t("m")]]) };
    expect(tensorsOf(tree)).toEqual([]);
    expect(mapTensors(tree, () => "replaced")).toEqual(tree);
    expect(mapTensors(tree, () => "replaced").box).toBe(tree.box);
  });

  test("mapping keeps the structure and replaces each tensor once, in order", () => {
    const tree = {
      list: [t("a"), 1, t("b")],
      bare: Object.assign(Object.create(null), { c: t("c") }),
    };
    let count = 0;
    const mapped = mapTensors(tree, (tensor) => `${(tensor as HandleOnly).name}${count++}`);
    expect(mapped).toEqual({ list: ["a0", 1, "b1"], bare: { c: "c2" } });
    expect(tensorsOf(tree).length).toBe(3);
  });
});
