/** examples/handwriting: its digits, and the command line as a reader runs it, on the built library. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeDigits } from "../../examples/handwriting/digits.js";
import { pictureOf, side } from "../../examples/handwriting/raster.js";
import { nodeExample } from "./nodeExample.mjs";

const patience = 120_000;

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tilegrad-handwriting-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = nodeExample("handwriting");

describe("digits", () => {
  test("the same seed gives the same digits, another seed others", () => {
    const { images, labels } = makeDigits(50, 7);
    expect(makeDigits(50, 7)).toEqual({ images, labels });
    expect(makeDigits(50, 8).images).not.toEqual(images);
    expect(new Set(makeDigits(300, 7).labels)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });

  test("a picture has ink from 0 to 1 in the middle, and paper along its edges", () => {
    const { images } = makeDigits(200, 3);
    for (let i = 0; i < 200; i++) {
      const image = images.subarray(i * side * side, (i + 1) * side * side);
      const ink = image.reduce((sum, value) => sum + value, 0);
      expect(ink).toBeGreaterThan(15);
      expect([Math.min(...image), Math.max(...image)]).toEqual([0, 1]);
      const corners = [0, side - 1, side * (side - 1), side * side - 1];
      expect(corners.map((at) => image[at])).toEqual([0, 0, 0, 0]);
    }
  });

  test("a drawing gives the same picture wherever it is and however large", () => {
    const strokes = [
      [
        [0.2, 0.1],
        [0.4, 0.5],
      ],
      [
        [0.4, 0.5],
        [0.1, 0.9],
      ],
    ];
    const moved = strokes.map((stroke) => stroke.map(([x, y]) => [3 * x - 7, 3 * y + 100]));
    const picture = pictureOf(strokes);
    pictureOf(moved).forEach((ink, at) => {
      expect(ink).toBeCloseTo(picture[at], 4);
    });
  });

  test("a dot is a disc in the middle", () => {
    const picture = pictureOf([[[0.9, 0.1]]]);
    const ink = picture.reduce((sum, value) => sum + value, 0);
    expect(ink).toBeGreaterThan(2);
    expect(ink).toBeLessThan(10);
    expect(picture[14 * side + 14]).toBe(1);
  });
});

describe("node examples/handwriting", () => {
  test(
    "after 60 steps it reads 60 % of digits that it never saw, reads MNIST's files, and saves its network",
    async () => {
      const { images, labels } = makeDigits(30, 11);
      const file = (shape, values) => {
        const header = Buffer.alloc(4 + 4 * shape.length);
        header.set([0, 0, 8, shape.length]);
        shape.forEach((size, d) => {
          header.writeUInt32BE(size, 4 + 4 * d);
        });
        return Buffer.concat([header, Uint8Array.from(values)]);
      };
      const greys = images.map((ink) => 255 * ink);
      writeFileSync(join(folder, "t10k-images-idx3-ubyte"), file([30, 28, 28], greys));
      writeFileSync(join(folder, "t10k-labels-idx1-ubyte"), file([30], labels));
      const net = join(folder, "net.safetensors");
      const { code, out, err } = await run("--steps", "60", "--mnist", folder, "--out", net);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(Number(/of 2000 generated digits .*: (\S+) %/.exec(out)[1])).toBeGreaterThan(60);
      expect(Number(/of 30 digits of MNIST.*: (\S+) %/.exec(out)[1])).toBeGreaterThan(40);
      const header = readFileSync(net).subarray(8).toString("latin1");
      expect(header).toContain('"0.weight":{"dtype":"F32","shape":[12,1,5,5]');
    },
    patience,
  );

  test("what is wrong with its options is said in words", { timeout: patience }, async () => {
    const { code, err } = await run("--mnist", folder);
    expect(code).toBe(1);
    expect(err).toBe(
      `error: --mnist ${folder}: There is no t10k-images-idx3-ubyte.gz or t10k-images-idx3-ubyte.\n`,
    );
    expect((await run("--steps", "none")).err).toMatch(/It is a whole number from 1 to 100000/);
  });
});
