import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors";
import { Sampler } from "../../src/nn/sampling";

const logits = [1, 3, 2, 0].map((v) => v * Math.LN2);
const draw = (sampler: Sampler, count: number): number[] =>
  Array.from({ length: count }, () => sampler.pick(logits));

describe("sampling", () => {
  test("temperature 0 always takes the most likely token, the first of equals", () => {
    expect(new Set(draw(new Sampler({ temperature: 0 }), 20))).toEqual(new Set([1]));
    expect(new Sampler({ temperature: 0 }).pick([2, 5, 5])).toBe(1);
  });

  test("tokens come with the probability of their softmax", () => {
    const count = 20_000;
    const picks = draw(new Sampler({ seed: 7 }), count);
    const expected = [2, 8, 4, 1].map((w) => w / 15);
    expected.forEach((p, token) => {
      const share = picks.filter((t) => t === token).length / count;
      expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / count));
    });
  });

  test("a temperature divides the logits", () => {
    const count = 20_000;
    const picks = draw(new Sampler({ seed: 7, temperature: 0.5 }), count);
    const p = 64 / (4 + 64 + 16 + 1);
    const share = picks.filter((t) => t === 1).length / count;
    expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / count));
  });

  test("topK keeps the k most likely tokens, topP the fewest that reach p", () => {
    expect(new Set(draw(new Sampler({ topK: 2 }), 500))).toEqual(new Set([1, 2]));
    expect(new Set(draw(new Sampler({ topP: 0.5 }), 500))).toEqual(new Set([1]));
    expect(new Set(draw(new Sampler({ topP: 0.54 }), 500))).toEqual(new Set([1, 2]));
  });

  test("the same seed picks the same tokens", () => {
    expect(draw(new Sampler({ seed: 5 }), 50)).toEqual(draw(new Sampler({ seed: 5 }), 50));
    expect(draw(new Sampler({ seed: 5 }), 50)).not.toEqual(draw(new Sampler({ seed: 6 }), 50));
  });

  test("the token is that of sorting all of them, equals by index, whatever is kept", () => {
    const values = Float32Array.from(
      { length: 400 },
      (_, i) => Math.round(4 * Math.sin(i * i)) / 2,
    );
    const order = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
    for (const topK of [1, 7, 150, 400]) {
      const wanted = new Set(order.slice(0, topK));
      const picked = new Sampler({ topK, seed: topK, temperature: 5 });
      const tokens = Array.from({ length: 4000 }, () => picked.pick(values));
      expect(tokens.every((token) => wanted.has(token))).toBe(true);
      if (topK < 200) expect(new Set(tokens).size).toBe(topK);
    }
  });

  test("logits that hold NaN are refused", () => {
    for (const options of [{}, { temperature: 0 }, { topK: 1 }])
      expect(() => new Sampler(options).pick([1, Number.NaN, 2])).toThrow(/logits hold NaN/);
  });

  test("options outside their range are refused by name", () => {
    expect(() => new Sampler({ temperature: -1 })).toThrow(/temperature is -1/);
    expect(() => new Sampler({ topK: 0 })).toThrow(/topK is 0/);
    expect(() => new Sampler({ topP: 0 })).toThrow(/topP is 0/);
    expect(() => new Sampler({ topP: 1.5 })).toThrow(ArgumentError);
  });
});
