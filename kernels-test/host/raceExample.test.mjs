/** examples/race: the command line as a reader runs it, on the built library. */
import { describe, expect, test } from "vitest";
import { nodeExample } from "./nodeExample.mjs";

const patience = 60_000;

const run = nodeExample("race");

/** The rows of the table, by rule. */
const tableOf = (out) =>
  Object.fromEntries(
    [...out.matchAll(/^ +(\d+) {2}(\w+) +(\S+) +(\S+)(?: {2}(\S+), (\S+))?$/gm)].map(
      ([, rank, name, rate, value, x, y]) => [
        name,
        {
          rank: Number(rank),
          rate: Number(rate),
          value: Number(value),
          at: [Number(x), Number(y)],
        },
      ],
    ),
  );

describe("node examples/race", () => {
  test(
    "AdamW reaches the minimum of Rosenbrock's valley, and Lion circles near it",
    async () => {
      const { code, out, err } = await run("--rules", "adamw=0.3,lion", "--steps", "700");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const { adamw, lion } = tableOf(out);
      expect([adamw.rank, lion.rank]).toEqual([1, 2]);
      // It began at 24.2, at (-1.2, 1).
      expect(adamw.value).toBeLessThan(1e-3);
      for (const place of adamw.at) expect(Math.abs(place - 1)).toBeLessThan(0.05);
      expect(lion.value).toBeLessThan(0.5);
    },
    patience,
  );

  test(
    "each rule goes down the ravine",
    async () => {
      const { code, out } = await run("--surface", "ravine", "--steps", "100");
      expect(code).toBe(0);
      const table = Object.entries(tableOf(out));
      expect(table.length).toBe(8);
      // The start is 24.1 high.
      for (const [name, { value }] of table) expect([name, value < 6]).toEqual([name, true]);
      expect(out).toMatch(/^Ravine, 100 steps\n/);
    },
    patience,
  );

  test(
    "a rate that is too large is said to be lost, and ranks last",
    async () => {
      const { code, out } = await run("--rules", "sgd=1,adamw", "--steps", "50");
      expect(code).toBe(0);
      expect(out).toMatch(/^ +2 {2}sgd +1 +lost/m);
    },
    patience,
  );

  test(
    "the networks learn the spirals, from the same weights",
    async () => {
      const { code, out } = await run(
        ...["--surface", "spirals", "--rules", "adamw=0.01,shampoo=0.01", "--steps", "200"],
      );
      expect(code).toBe(0);
      // Knowing nothing costs ln 2.
      for (const { value } of Object.values(tableOf(out))) expect(value).toBeLessThan(0.4);
    },
    patience,
  );

  test.each([
    [
      ["--surface", "everest"],
      /error: There is no surface "everest". There are: rosenbrock, beale/,
    ],
    [["--rules", "adam"], /error: There is no rule "adam". There are: sgd, adamw, lion/],
    [["--rules", "lion=fast"], /Lion: the rate is NaN; it is a number from 0.00001 to 10/],
    [["--start", "1"], /'1' is invalid. It is two numbers, such as -1.2,1/],
    [["--steps", "0"], /'0' is invalid. It is a whole number from 1 on/],
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
