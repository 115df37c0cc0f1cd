/** examples/grokking: the command line as a reader runs it, on the built library, with small moduli. */
import { describe, expect, test } from "vitest";
import { nextLook } from "../../examples/grokking/grokking.js";
import { nodeExample } from "./nodeExample.mjs";

const patience = 90_000;

const run = nodeExample("grokking");

/** The numbers of each row. */
const rowsOf = (out) =>
  [...out.matchAll(/^ +\d.*$/gm)].map(([line]) => {
    const [step, loss, training, validation, silent, norm] = line
      .replaceAll("%", "")
      .trim()
      .split(/\s+/)
      .map(Number);
    return { step, loss, training, validation, silent, norm };
  });

const small = ["--p", "31", "--width", "96"];

describe("node examples/grokking", () => {
  test(
    "with the orthogonal gradient it groks: nine of ten other pairs get right, after those that train",
    async () => {
      const { code, out, err } = await run(...small, "--loss", "softmax", "--until", "0.9");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/Grokked after \d+ steps: it knows sums it was never shown\.\n$/);
      const rows = rowsOf(out);
      expect(rows.at(-1).validation).toBeGreaterThanOrEqual(90);
      const first = (share) => rows.find((row) => row[share] >= 90).step;
      expect(first("training")).toBeLessThan(first("validation"));
    },
    patience,
  );

  test(
    "without it, softmax knows the training pairs by heart and no others, and its weights grow more",
    async () => {
      const plain = await run(
        ...small,
        "--loss",
        "softmax",
        "--gradient",
        "plain",
        "--steps",
        "400",
      );
      expect(plain.code).toBe(0);
      expect(plain.out).toMatch(/Not grokked after 400 steps\.\n$/);
      const last = rowsOf(plain.out).at(-1);
      expect([last.step, last.training]).toEqual([400, 100]);
      expect(last.validation).toBeLessThan(20);
      const first = rowsOf(plain.out)[0];
      expect(last.norm).toBeGreaterThan(2 * first.norm);
    },
    patience,
  );

  test("looks are even on a logarithmic axis, and never twice at one step", () => {
    const looks = [0];
    while (looks.at(-1) < 2000) looks.push(nextLook(looks.at(-1)));
    expect(looks.slice(0, 4)).toEqual([0, 1, 2, 3]);
    for (let i = 1; i < looks.length; i++) {
      expect(looks[i]).toBeGreaterThan(looks[i - 1]);
      if (looks[i] > 100) expect(looks[i] / looks[i - 1]).toBeLessThan(1.12);
    }
  });

  test.each([
    [["--p", "3"], /error: The modulus is 3; it is a number from 5 to 200/],
    [["--loss", "hinge"], /argument 'hinge' is invalid. Allowed choices are softmax, stablemax/],
    [["--share", "0.95"], /The share of training pairs is 0.95; it is a number from 0.1 to 0.9/],
    [["--weight-decay", "-1"], /The weight decay is -1; it is a number from 0 to 10/],
    [["--steps", "many"], /argument 'many' is invalid. It is a number/],
  ])(
    "%j ends with what is wrong",
    async (args, message) => {
      const { code, out, err } = await run(...args);
      expect(code).toBe(1);
      expect(err).toMatch(message);
      expect(out).toBe("");
    },
    patience,
  );
});
