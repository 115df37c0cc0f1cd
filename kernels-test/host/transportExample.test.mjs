/** examples/transport: its arithmetic, and the command line as a reader runs it, on the built library. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import UPNG from "upng-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pictureCloud, shapeCloud, shapes, strokeCloud } from "../../examples/transport/clouds.js";
import { toOklab, toRgba } from "../../examples/transport/colourSpace.js";
import { between, paletteOf, spread } from "../../examples/transport/palette.js";
import { forest, sunset } from "../../examples/transport/pictures.js";
import { nodeExample } from "./nodeExample.mjs";

const patience = 120_000;

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tilegrad-transport-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = nodeExample("transport");

const bytesOf = (file) => new Uint8Array(readFileSync(join(folder, file))).buffer;
const decode = (file) => {
  const image = UPNG.decode(bytesOf(file));
  const frames = UPNG.toRGBA8(image).map((frame) => new Uint8ClampedArray(frame));
  return { width: image.width, height: image.height, frames, data: frames[0] };
};

const write = (file, { width, height, data }) =>
  writeFileSync(join(folder, file), new Uint8Array(UPNG.encode([data.buffer], width, height, 0)));

/** Mean and standard deviation of each of L, a, b. */
function moments(lab) {
  const n = lab.length / 3;
  return [0, 1, 2].map((axis) => {
    const values = lab.filter((_, i) => i % 3 === axis);
    const mean = values.reduce((sum, x) => sum + x, 0) / n;
    return { mean, deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n) };
  });
}

describe("colours", () => {
  test("there and back again, OKLab changes no byte", () => {
    const rgba = new Uint8ClampedArray(4 * 18 ** 3).fill(255);
    for (let k = 0; k < 18 ** 3; k++)
      rgba.set(
        [k % 18, Math.floor(k / 18) % 18, Math.floor(k / 324)].map((level) => 15 * level),
        4 * k,
      );
    expect(toRgba(toOklab(rgba))).toEqual(rgba);
  });

  // As in CSS Color 4.
  test.each([
    [
      [255, 255, 255],
      [1, 0, 0],
    ],
    [
      [255, 0, 0],
      [0.62796, 0.22486, 0.12585],
    ],
    [
      [0, 255, 0],
      [0.86644, -0.23389, 0.1795],
    ],
    [
      [0, 0, 255],
      [0.45201, -0.03246, -0.31153],
    ],
  ])("%j is %j in OKLab", (rgb, lab) => {
    toOklab(Uint8Array.from([...rgb, 255])).forEach((value, i) => {
      expect(value).toBeCloseTo(lab[i], 4);
    });
  });

  test("a palette keeps the mean of a picture, and no more colours than asked for", () => {
    const { data } = sunset(60, 40);
    const lab = toOklab(data);
    for (const most of [16, 100, 5000]) {
      const { colours, weights } = paletteOf(lab, data, most);
      expect(weights.length).toBeLessThanOrEqual(most);
      expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 5);
      moments(lab).forEach(({ mean }, axis) => {
        const held = weights.reduce((sum, w, k) => sum + w * colours[3 * k + axis], 0);
        expect(held).toBeCloseTo(mean, 5);
      });
    }
  });

  test("pixels that do not show have no part in a palette", () => {
    const data = Uint8ClampedArray.from([255, 0, 0, 255, 0, 255, 0, 0]);
    const { weights, colours } = paletteOf(toOklab(data), data, 16);
    expect([...weights]).toEqual([1]);
    expect(colours[1]).toBeGreaterThan(0.2);
    data[3] = 0;
    expect(() => paletteOf(toOklab(data), data, 16)).toThrow(/transparent everywhere/);
  });

  test("what all colours of a palette share, all pixels get", () => {
    const { data } = forest(60, 40);
    const lab = toOklab(data);
    const palette = paletteOf(lab, data, 64);
    const vectors = palette.colours.map((_, i) => [0.1, -0.2, 0.3][i % 3]);
    spread(between(palette, lab), vectors).forEach((value, i) => {
      expect(value).toBeCloseTo([0.1, -0.2, 0.3][i % 3], 5);
    });
  });
});

describe("clouds", () => {
  test.each(shapes)("%s has as many points as asked for, all in the unit square", (name) => {
    const points = shapeCloud(name, 257);
    expect(points.length).toBe(514);
    expect(Math.min(...points)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...points)).toBeLessThanOrEqual(1);
  });

  test("points of a disc are spread evenly: half of them within 0.3 / √2", () => {
    const points = shapeCloud("disc", 1000);
    let inner = 0;
    for (let k = 0; k < 2000; k += 2)
      if (Math.hypot(points[k] - 0.5, points[k + 1] - 0.5) < 0.3 / Math.SQRT2) inner++;
    expect(Math.abs(inner - 500)).toBeLessThan(20);
  });

  test("a cloud of a picture lies where the picture is dark", () => {
    const data = new Uint8ClampedArray(4 * 100 * 50).fill(255);
    // Black in the right half.
    for (let p = 0; p < 5000; p++) if (p % 100 >= 50) data.set([0, 0, 0], 4 * p);
    const points = pictureCloud({ width: 100, height: 50, data }, 300);
    for (let k = 0; k < 600; k += 2) {
      expect(points[k]).toBeGreaterThanOrEqual(0.5);
      expect(Math.abs(points[k + 1] - 0.5)).toBeLessThanOrEqual(0.225);
    }
    expect(() => pictureCloud({ width: 1, height: 1, data: [255, 255, 255, 255] }, 3)).toThrow(
      /almost no dark pixels/,
    );
  });

  test("points along strokes are as dense on a long one as on a short one", () => {
    const strokes = [
      [
        [0.1, 0.2],
        [0.4, 0.2],
        [0.7, 0.2],
      ],
      [
        [0.1, 0.8],
        [0.3, 0.8],
      ],
    ];
    const points = strokeCloud(strokes, 400, 0.02);
    const rows = Array.from({ length: 400 }, (_, k) => points[2 * k + 1]);
    expect(rows.filter((y) => Math.abs(y - 0.2) <= 0.0101).length).toBe(300);
    expect(rows.filter((y) => Math.abs(y - 0.8) <= 0.0101).length).toBe(100);
    expect(() => strokeCloud([], 10)).toThrow("Nothing is drawn yet.");
  });
});

describe("node examples/transport", () => {
  test(
    "colours gives the source the target's colours, and leaves its transparency",
    async () => {
      const source = sunset(48, 32);
      source.data[3] = 0;
      write("a.png", source);
      write("b.png", forest(40, 40));
      const args = ["--source", join(folder, "a.png"), "--target", join(folder, "b.png")];
      const { code, out, err } = await run("colours", ...args, "--colours", "120", "--out", folder);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/converged after \d+ iterations, marginal error \d\.\de-\d/);
      const result = decode("recoloured.png");
      expect([result.width, result.height, result.data[3]]).toEqual([48, 32, 0]);
      const got = moments(toOklab(result.data.subarray(4)));
      const wanted = moments(toOklab(decode("target.png").data));
      const before = moments(toOklab(decode("source.png").data.subarray(4)));
      got.forEach(({ mean, deviation }, axis) => {
        expect(Math.abs(mean - wanted[axis].mean)).toBeLessThan(0.01);
        // The barycentric map loses some of the spread, by the blur √ε.
        expect(Math.abs(deviation - wanted[axis].deviation)).toBeLessThan(0.03);
      });
      // The two pictures are far apart, so that what is tested is not true from the start.
      expect(Math.hypot(...before.map(({ mean }, i) => mean - wanted[i].mean))).toBeGreaterThan(
        0.1,
      );
    },
    patience,
  );

  test(
    "at strength 0, colours stay as they are",
    async () => {
      write("a.png", sunset(24, 16));
      const args = ["--source", join(folder, "a.png"), "--colours", "40", "--epsilon", "0.05"];
      const { code } = await run("colours", ...args, "--strength", "0", "--out", folder);
      expect(code).toBe(0);
      expect(decode("recoloured.png").data).toEqual(decode("source.png").data);
    },
    patience,
  );

  test(
    "flow fills a disc from a ring, and its divergence falls to less than a hundredth",
    async () => {
      const sizes = ["--points", "90", "--steps", "30", "--size", "96", "--theme", "light"];
      const args = ["flow", "--to", "disc", "--no-trails", ...sizes, "--out", folder];
      const { code, out, err } = await run(...args);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const divergences = [...out.matchAll(/^step (\d+) {2}divergence (\S+)$/gm)].map(
        ([, step, value]) => [Number(step), Number(value)],
      );
      expect(divergences.map(([step]) => step)).toEqual([0, 10, 20, 30]);
      expect(divergences[3][1]).toBeLessThan(divergences[0][1] / 100);
      const film = decode("flow.png");
      expect([film.width, film.height, film.frames.length]).toEqual([96, 96, 31]);
      /** Coloured pixels (the target's dots are grey) within 0.2 of the centre. */
      const inside = (data) => {
        let count = 0;
        for (let p = 0; p < 96 * 96; p++) {
          const rgb = data.subarray(4 * p, 4 * p + 3);
          const coloured = Math.max(...rgb) - Math.min(...rgb) > 60;
          if (coloured && Math.hypot((p % 96) - 48, Math.floor(p / 96) - 48) < 19) count++;
        }
        return count;
      };
      expect(inside(film.frames[0])).toBe(0);
      expect(inside(decode("flow-end.png").data)).toBeGreaterThan(100);
    },
    patience,
  );

  test.each([
    [["flow", "--epsilom", "1"], /unknown option '--epsilom'\n\(Did you mean --epsilon\?\)/],
    [
      ["flow", "--points", "many"],
      /'--points <count>' argument 'many' is invalid. It is a number from 1 to 20000/,
    ],
    [["flow", "--points", "2.5"], /'2.5' is invalid. It is a whole number/],
    [["colours", "--epsilon", "0"], /'0' is invalid. It is a number from 0.0001 to 1/],
    [["flow", "--theme", "sepia"], /'sepia' is invalid. It is one of light, dark/],
    [["flow", "--to", "circle"], /error: There is no shape "circle". There are: disc, ring/],
    [["colours", "--source", "gone.png"], /error: gone.png cannot be read: there is no such file/],
    [
      ["colours", "--target", fileURLToPath(import.meta.url)],
      /transportExample.test.mjs is no PNG, or a damaged one. Convert the picture to PNG/,
    ],
    [["paint"], /error: there is no example 'paint': there are colours and flow/],
  ])(
    "%j ends with what is wrong",
    async (args, message) => {
      const { code, out, err } = await run(...args);
      expect(code).toBe(1);
      expect(err).toMatch(message);
      expect(err).not.toMatch(/\n\s+at /);
      expect(out).toBe("");
    },
    patience,
  );

  test("--help names both examples, and theirs every option with its default", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    expect(out).toMatch(/colours .*\n.*flow /);
    const flow = await run("flow", "--help");
    expect(flow.out).toMatch(/--points <count>\s+particles \(default: 600\)/);
  });
});
