import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, CheckpointError, ShapeError } from "../../src/errors";
import {
  type HostTensor,
  init,
  manualSeed,
  memory,
  nn,
  optim,
  random,
  scope,
  sum,
  type Tensor,
  tensor,
  trainStep,
  valueAndGradients,
} from "../../src/node";
import type { SafetensorsFile } from "../../src/train/safetensors";
import { decodeSafetensors, toArray } from "../../src/train/safetensors";
import { expectClose } from "../harness";
import { normals } from "../samples";

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

const fixture = async (name: string): Promise<SafetensorsFile> => {
  const file = new URL(`../oracles/fixtures/${name}.safetensors`, import.meta.url);
  return decodeSafetensors(await readFile(file), name);
};

/** The tensors below a prefix, by the rest of their name. */
function below(file: SafetensorsFile, prefix: string): Record<string, HostTensor<Float32Array>> {
  return Object.fromEntries(
    [...file.tensors].flatMap(([name, t]) =>
      name.startsWith(prefix)
        ? [[name.slice(prefix.length), { values: toArray(t, "F32"), shape: t.shape }]]
        : [],
    ),
  );
}

const host = (t: HostTensor): Tensor => tensor(t.values, { shape: t.shape });

describe("modules", () => {
  test("parameters have PyTorch's dotted keys, in the order of definition", () => {
    const model = new nn.Sequential(
      new nn.Linear(2, 3),
      new nn.ReLU(),
      new nn.Sequential(new nn.LayerNorm(3), new nn.Linear(3, 1, { bias: false })),
    );
    expect(Object.keys(model.stateDict())).toEqual([
      "0.weight",
      "0.bias",
      "2.0.weight",
      "2.0.bias",
      "2.1.weight",
    ]);
    expect(model.parameterCount).toBe(6 + 3 + 6 + 3);
    model.dispose();
  });

  test("a shared parameter is trained once and saved under both keys", () => {
    const model = new nn.GPT({ vocab: 5, context: 4, layers: 1, heads: 1, width: 4 });
    const keys = Object.keys(model.stateDict());
    expect(keys).toContain("lm_head.weight");
    expect(keys).toContain("transformer.wte.weight");
    const names = model.namedParameters().map(([name]) => name);
    expect(names).not.toContain("lm_head.weight");
    expect(names).toHaveLength(keys.length - 1);
    model.dispose();
  });

  test("loadStateDict copies values, and refuses other keys and shapes by name", async () => {
    const model = new nn.Linear(2, 2);
    const weight = { values: Float32Array.of(1, 2, 3, 4), shape: [2, 2] };
    const bias = { values: Float32Array.of(5, 6), shape: [2] };
    model.loadStateDict({ weight, bias });
    expect([...(await model.weight.data())]).toEqual([1, 2, 3, 4]);
    expect([...(await model.forward(tensor([[1, 1]])).data())]).toEqual([8, 13]);
    expect(() => model.loadStateDict({ weight })).toThrow(/missing: bias/);
    expect(() => model.loadStateDict({ weight, bias, extra: bias })).toThrow(/unexpected: extra/);
    expect(() => model.loadStateDict({ weight: bias, bias })).toThrow(
      /weight is \[2\], the model has \[2, 2\]/,
    );
    expect(() => model.loadStateDict({ weight: bias, bias })).toThrow(CheckpointError);
    expect([...(await model.weight.data())]).toEqual([1, 2, 3, 4]);
    expect(model.loadStateDict({ weight }, { strict: false })).toEqual({
      missing: ["bias"],
      unexpected: [],
    });
    const other = new nn.Linear(2, 2);
    other.loadStateDict(model.stateDict());
    expect([...(await other.bias!.data())]).toEqual([5, 6]);
    model.dispose();
    other.dispose();
  });

  test("the same seed gives the same initial weights, another seed others", async () => {
    const weights = async (seed: number) => {
      manualSeed(seed);
      const layer = new nn.Linear(7, 5);
      const values = [...(await layer.weight.data())];
      layer.dispose();
      return values;
    };
    const first = await weights(1);
    expect(await weights(1)).toEqual(first);
    expect(await weights(2)).not.toEqual(first);
    expect(Math.max(...first.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(7));
  });

  test("skipInit draws nothing: values are 0, and what is drawn next is as if it had not been", async () => {
    manualSeed(1);
    const skipped = nn.skipInit(() => new nn.Linear(7, 5));
    const drawn = new nn.Linear(7, 5);
    manualSeed(1);
    const first = new nn.Linear(7, 5);
    expect(new Set(await skipped.weight.data())).toEqual(new Set([0]));
    expect(await drawn.weight.data()).toEqual(await first.weight.data());
    const failing = () => {
      throw new Error("made nothing");
    };
    expect(() => nn.skipInit(failing)).toThrow("made nothing");
    const next = new nn.Linear(7, 5);
    expect(new Set(await next.weight.data()).size).toBeGreaterThan(1);
    for (const layer of [skipped, drawn, first, next]) layer.dispose();
  });

  test("eval turns dropout off in every child, train turns it on", async () => {
    const model = new nn.Sequential(new nn.Sequential(new nn.Dropout(0.5)));
    const x = tensor(new Float32Array(1000).fill(1));
    model.eval();
    expect(await sum(model.forward(x)).item()).toBe(1000);
    model.train();
    const dropped = [...(await model.forward(x).data())];
    expect(new Set(dropped)).toEqual(new Set([0, 2]));
    const kept = dropped.filter((v) => v === 2).length;
    expect(kept).toBeGreaterThan(400);
    expect(kept).toBeLessThan(600);
    expect(() => new nn.Dropout(1)).toThrow(ArgumentError);
  });

  test("dropout draws anew at each call, and the same under the same key", async () => {
    const layer = new nn.Dropout(0.5);
    const x = tensor(new Float32Array(64).fill(1));
    const key = random.key(3);
    const draw = async () => [...(await random.withKey(key, () => layer.forward(x)).data())];
    const first = await draw();
    expect(await draw()).toEqual(first);
    const two = random.withKey(key, () => [layer.forward(x), layer.forward(x)]);
    expect([...(await two[1]!.data())]).not.toEqual(first);
  });

  test("RMSNorm scales to a root mean square of one", async () => {
    const layer = new nn.RMSNorm(8, { eps: 0 });
    const y = [...(await layer.forward(tensor(normals(24, 1), { shape: [3, 8] })).data())];
    for (let row = 0; row < 3; row++) {
      const square = y.slice(row * 8, row * 8 + 8).reduce((s, v) => s + v * v, 0);
      expect(square / 8).toBeCloseTo(1, 5);
    }
  });

  test("MultiheadAttention drops weights in training alone, and hides what its mask says", async () => {
    const model = new nn.MultiheadAttention(8, 2, { dropout: 0.5 });
    const x = tensor(normals(5 * 8, 1), { shape: [1, 5, 8] });
    const read = async (options: { causal?: boolean; attnMask?: Tensor } = {}) =>
      model.forward(x, options).data();
    const first = await read();
    expect(await read()).not.toEqual(first);
    model.eval();
    expect(await read()).toEqual(await read());
    const lower = Float32Array.from({ length: 25 }, (_, n) => (n % 5 <= Math.floor(n / 5) ? 1 : 0));
    const attnMask = tensor(lower, { shape: [5, 5], dtype: "bool" });
    const hidden = await read({ attnMask });
    expectClose(hidden, await read({ causal: true }), { relative: 1e-5, absolute: 1e-6 });
    expect(() => new nn.MultiheadAttention(8, 2, { dropout: 1 })).toThrow(/dropout is 1/);
  });
});

describe("against PyTorch", () => {
  test("MultiheadAttention gives its outputs and gradients from its weights", async () => {
    const file = await fixture("attention");
    const cases = Object.entries(
      JSON.parse(file.metadata["cases"]!) as Record<
        string,
        { op: string; attrs: Record<string, unknown> }
      >,
    ).filter(([, { op }]) => op === "multiheadAttention");
    expect(cases.length).toBeGreaterThan(0);
    for (const [name, { attrs }] of cases) {
      const state = below(file, `${name}/param/`);
      const width = state["out_proj.weight"]!.shape[0]!;
      const model = new nn.MultiheadAttention(width, attrs["numHeads"] as number, {
        bias: "in_proj_bias" in state,
        batchFirst: attrs["batchFirst"] === true,
      });
      model.loadStateDict(state);
      const values = below(file, `${name}/`);
      const [x, ct] = [host(values["in0"]!), host(values["ct0"]!)];
      const { in1: keys, in2: others } = values;
      const memories = keys && others ? { keys: host(keys), values: host(others) } : {};
      const named = model.namedParameters();
      const { gradients, aux } = valueAndGradients(
        named.map(([, p]) => p),
        () => {
          const y = model.forward(x, { causal: attrs["isCausal"] === true, ...memories });
          return [sum(y.mul(ct)), y] as const;
        },
      );
      const tolerance = { relative: 1e-4, absolute: 2e-5 };
      expectClose(await aux.data(), values["out0"]!.values, tolerance);
      const expected = below(file, `${name}/gradParam/`);
      for (const [i, [key]] of named.entries())
        expectClose(await gradients[i]!.data(), expected[key]!.values, tolerance);
      model.dispose();
    }
  });

  describe.each(["tied", "untied"])("the %s GPT", (kind) => {
    const config = { vocab: 11, context: 8, layers: 2, heads: 2, width: 16 };
    const shape = [3, 8];
    let file: SafetensorsFile;
    let model: nn.GPT;
    beforeAll(async () => {
      file = await fixture("gpt");
      model = new nn.GPT({ ...config, tiedHead: kind === "tied" });
      model.loadStateDict(below(file, `${kind}/init/`));
    });
    const tokens = (role: string, batch: number): HostTensor<Int32Array> => {
      const all = toArray(file.tensors.get(`batches/${role}`)!, "I32");
      return { values: all.slice(batch * 24, batch * 24 + 24), shape };
    };
    const lossOf = (m: nn.GPT, { input, target }: { input: Tensor; target: Tensor }): Tensor =>
      nn.functional.crossEntropy(m.forward(input).reshape([24, 11]), target.reshape([24]));

    test("has its logits, loss and every gradient", async () => {
      const named = model.namedParameters();
      const { value, gradients, aux } = valueAndGradients(
        named.map(([, p]) => p),
        () => {
          const input = host(tokens("input", 0));
          const logits = model.forward(input);
          const target = host(tokens("target", 0)).reshape([24]);
          return [nn.functional.crossEntropy(logits.reshape([24, 11]), target), logits] as const;
        },
      );
      const tolerance = { relative: 1e-4, absolute: 2e-6 };
      expectClose(await aux.data(), below(file, `${kind}/`)["logits"]!.values, tolerance);
      expect(await value.item()).toBeCloseTo(below(file, `${kind}/`)["loss"]!.values[0]!, 5);
      const expected = below(file, `${kind}/grad/`);
      expect(named.map(([key]) => key).sort()).toEqual(Object.keys(expected).sort());
      for (const [i, [key]] of named.entries())
        expectClose(await gradients[i]!.data(), expected[key]!.values, tolerance);
    });

    test("has its losses and final weights over 20 AdamW steps", async () => {
      const named = model.namedParameters();
      const optimizer = optim.adamw(
        [
          { params: named.filter(([, p]) => p.rank >= 2), weightDecay: 0.1 },
          { params: named.filter(([, p]) => p.rank < 2), weightDecay: 0 },
        ],
        { lr: 1e-2, betas: [0.9, 0.95], eps: 1e-8, clipGradNorm: 1 },
      );
      const step = trainStep<nn.GPT, Record<"input" | "target", HostTensor>>(
        model,
        optimizer,
        lossOf,
      );
      const losses: number[] = [];
      const norms: number[] = [];
      for (let i = 0; i < 20; i++) {
        const { loss } = step({ input: tokens("input", i % 5), target: tokens("target", i % 5) });
        losses.push(await loss.item());
        norms.push(await optimizer.stats.gradNorm.item());
      }
      const expected = below(file, `${kind}/`);
      expectClose(losses, expected["losses"]!.values, { relative: 2e-4, absolute: 0 });
      expectClose(norms, expected["gradNorms"]!.values, { relative: 2e-3, absolute: 0 });
      const final = below(file, `${kind}/final/`);
      for (const [key, parameter] of named) {
        const [values, wanted] = [[...(await parameter.data())], [...final[key]!.values]];
        // The true gradient of the keys' bias is zero; Adam turns what rounding leaves of it into steps.
        if (key.endsWith("attn.c_attn.bias")) for (const v of [values, wanted]) v.splice(16, 16);
        expectClose(values, wanted, { relative: 1e-3, absolute: 5e-4 });
      }
      optimizer.dispose();
    });
  });
});

describe("GPT", () => {
  const config = { vocab: 13, context: 8, layers: 1, heads: 2, width: 8 };

  test("names a bad configuration or input, and the cure", () => {
    expect(() => new nn.GPT({ ...config, heads: 3 })).toThrow(
      /width 8 is not a multiple of heads 3/,
    );
    expect(() => new nn.GPT({ ...config, layers: 0 })).toThrow(/layers is 0/);
    const model = new nn.GPT(config);
    expect(() => model.forward(tensor([[0, 1, 2, 3, 4, 5, 6, 7, 8]], { dtype: "i32" }))).toThrow(
      ShapeError,
    );
    model.dispose();
  });

  test("a token outside the vocabulary surfaces as an error that names it", async () => {
    const model = new nn.GPT(config);
    const logits = scope(() => model.forward(tensor([[0, 99]], { dtype: "i32" })));
    await expect(logits.data()).rejects.toThrow(/embedding.*99.*13|99/);
    model.dispose();
  });

  test("no position sees a later one", async () => {
    const model = new nn.GPT(config).eval();
    const logits = async (last: number) => {
      const y = scope(() => model.forward(tensor([[1, 2, 3, last]], { dtype: "i32" })));
      return [...(await y.data())].slice(0, 3 * 13);
    };
    expect(await logits(4)).toEqual(await logits(5));
    model.dispose();
  });

  test("generate repeats itself for a seed, changes with it, and leaks nothing", async () => {
    const model = new nn.GPT(config);
    const before = memory(device).liveBytes;
    const text = (seed: number) => model.generate([1, 2], { count: 12, temperature: 1, seed });
    const first = await text(1);
    expect(first).toHaveLength(12);
    expect(first.every((t) => t >= 0 && t < 13)).toBe(true);
    expect(await text(1)).toEqual(first);
    expect(await text(2)).not.toEqual(first);
    expect(memory(device).liveBytes).toBe(before);
    expect(model.training).toBe(true);
    const end = first.slice(3).find((token) => !first.slice(0, 3).includes(token))!;
    const options = { count: 12, temperature: 1, seed: 1, stop: [end] };
    expect(await model.generate([1, 2], options)).toEqual(first.slice(0, first.indexOf(end)));
    await expect(model.generate([], { count: 1 })).rejects.toThrow(/prompt is empty/);
    const words = "ab" as unknown as number[];
    await expect(model.generate(words, { count: 1 })).rejects.toThrow(/encode the text/);
    const none = {} as nn.GenerateOptions;
    await expect(model.generate([1], none)).rejects.toThrow(/count is undefined/);
    model.dispose();
  });
});
