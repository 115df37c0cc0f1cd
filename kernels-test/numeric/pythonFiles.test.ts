/**
 * Files that Python wrote compute here what they compute there, and leave as they came. The fixture holds what Hugging
 * Face's transformers, PyTorch and safetensors saved, byte for byte: see kernels-test/oracles/cases/python_files.py.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, CheckpointError } from "../../src/errors";
import {
  Checkpoint,
  type Device,
  encodeModel,
  type GPT2Config,
  gpt2Layout,
  init,
  loadGPT2,
  memory,
  nn,
  type SafetensorsDType,
  type SafetensorsTensor,
  StateDictLayout,
  scope,
  type Tensor,
  tensor,
} from "../../src/node";
import { fromBrainBits, fromHalfBits, toBrainBits, toHalfBits } from "../../src/tensor/dtype";
import {
  decodeSafetensors,
  encodeSafetensors,
  fromArray,
  toArray,
} from "../../src/train/safetensors";
import { expectClose } from "../harness";

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

const oracle = new URL("../oracles/fixtures/python_files.safetensors", import.meta.url);
const fixture = decodeSafetensors(readFileSync(oracle), "python_files");
const cases = JSON.parse(fixture.metadata["cases"]!) as Record<
  string,
  { readonly attrs: { readonly config: GPT2Config } }
>;
const part = (name: string): SafetensorsTensor => fixture.tensors.get(name)!;
const fileOf = (name: string): Uint8Array => toArray(part(`${name}/file`), "U8");
const numbers = (name: string): Float32Array => toArray(part(name), "F32");
const given = (name: string): Tensor => {
  const { dtype, shape } = part(`${name}/in0`);
  return dtype === "I32"
    ? tensor(toArray(part(`${name}/in0`), "I32"), { shape })
    : tensor(numbers(`${name}/in0`), { shape });
};

/** Rounding in f32 where the fixture was computed in f64, of results up to 6. */
const tolerance = { relative: 1e-5, absolute: 1e-5 };

async function outputOf(model: { forward(x: Tensor): Tensor }, name: string): Promise<number[]> {
  const output = scope(() => model.forward(given(name)));
  expect(output.shape).toEqual(part(`${name}/out0`).shape);
  const values = [...(await output.data())];
  output.dispose();
  return values;
}

type Entry = readonly [name: string, tensor: SafetensorsTensor];

/** The file of a case with its entries changed. */
const changed = (name: string, change: (entries: Entry[]) => readonly Entry[]): Checkpoint =>
  new Checkpoint(
    encodeSafetensors(change([...decodeSafetensors(fileOf(name), name).tensors])),
    "changed.safetensors",
  );

describe("GPT-2 as transformers saves it", () => {
  const { config } = cases["gpt2"]!.attrs;
  const open = (name: string): Checkpoint => new Checkpoint(fileOf(name), "model.safetensors");
  /** The logits of a file that ought to be the case `gpt2`. */
  async function logits(checkpoint: Checkpoint): Promise<number[]> {
    const model = loadGPT2(checkpoint, config);
    const values = await outputOf(model, "gpt2");
    model.dispose();
    return values;
  }

  test.each(["gpt2", "gpt2_untied"])(
    "%s has its logits, and not those of the other GELU",
    async (name) => {
      const model = loadGPT2(open(name), cases[name]!.attrs.config);
      const actual = await outputOf(model, name);
      expectClose(actual, numbers(`${name}/out0`), tolerance);
      expect(() => expectClose(actual, numbers(`${name}/nearby`), tolerance)).toThrow(
        /times the tolerance/,
      );
      model.dispose();
    },
  );

  test.each(["gpt2", "gpt2_untied"])(
    "%s is written with the bytes that transformers wrote",
    async (name) => {
      const model = loadGPT2(open(name), cases[name]!.attrs.config);
      const bytes = await encodeModel(model, { layout: gpt2Layout });
      expect(Buffer.compare(bytes, fileOf(name))).toBe(0);
      model.dispose();
    },
  );

  test("the same bits without the prefix, with a copy of the head, with the masks of older files", async () => {
    const expected = await logits(open("gpt2"));
    const bare = changed("gpt2", (entries) =>
      entries.map(([name, value]) => [name.replace("transformer.", ""), value]),
    );
    expect(await logits(bare)).toEqual(expected);
    const older = changed("gpt2", (entries) => [
      ...entries,
      ["lm_head.weight", new Map(entries).get("transformer.wte.weight")!],
      ["transformer.h.0.attn.bias", fromArray("BOOL", [1, 1, 2, 2], Uint8Array.of(1, 0, 1, 1))],
      ["transformer.h.1.attn.bias", fromArray("F32", [1, 1, 1, 1], Float32Array.of(1))],
      ["transformer.h.0.attn.masked_bias", fromArray("F32", [], Float32Array.of(-1e9))],
    ]);
    expect(await logits(older)).toEqual(expected);
  });

  test.each([
    ["F16", (bits: Uint16Array) => Float32Array.from(bits, fromHalfBits), toHalfBits],
    ["BF16", (bits: Uint16Array) => Float32Array.from(bits, fromBrainBits), toBrainBits],
  ] as const)("weights in %s are those numbers in f32", async (dtype, widen, narrow) => {
    const recoded = (recode: (value: SafetensorsTensor) => SafetensorsTensor) =>
      changed("gpt2", (entries) => entries.map(([name, value]) => [name, recode(value)]));
    const bits = (value: SafetensorsTensor) => Uint16Array.from(toArray(value, "F32"), narrow);
    const half = recoded((value) => fromArray(dtype, value.shape, bits(value)));
    const single = recoded((value) => fromArray("F32", value.shape, widen(bits(value))));
    expect(await logits(half)).toEqual(await logits(single));
  });

  test("all that does not fit is in one refusal, and nothing has changed", async () => {
    const model = loadGPT2(open("gpt2"), config);
    const before = Buffer.from(await encodeModel(model));
    const { liveBytes } = memory();
    const wrong = changed("gpt2", (entries) => [
      ...entries.flatMap(([name, value]): Entry[] => {
        if (name.endsWith("h.0.ln_1.bias")) return [];
        const shape = name.endsWith("h.1.mlp.c_proj.weight") ? [32, 128] : value.shape;
        return [[name, { ...value, shape }]];
      }),
      ["transformer.h.0.attn.q_norm.weight", fromArray("F32", [1], Float32Array.of(1))],
    ]);
    const refusal =
      /^changed\.safetensors: .*transformer\.h\.1\.mlp\.c_proj\.weight is \[128, 32\], the model has \[32, 128\]; missing: transformer\.h\.0\.ln_1\.bias; unexpected: transformer\.h\.0\.attn\.q_norm\.weight\./;
    expect(() => wrong.restoreModel(model, { layout: gpt2Layout })).toThrow(refusal);
    expect(() => wrong.restoreModel(model, { layout: gpt2Layout })).toThrow(CheckpointError);
    expect(() => loadGPT2(wrong, config)).toThrow(refusal);
    expect(Buffer.from(await encodeModel(model)).equals(before)).toBe(true);
    expect(memory().liveBytes).toBe(liveBytes);
    model.dispose();
  });

  test.each<[string, Partial<GPT2Config>, RegExp]>([
    [
      "other sizes",
      { n_layer: 3, vocab_size: 50 },
      /n_layer is 3, not 2; vocab_size is 50, not 61\. Pass/,
    ],
    [
      "an unknown activation",
      { activation_function: "relu" },
      /activation_function is "relu", not gelu,/,
    ],
    [
      "scores by the layer",
      { scale_attn_by_inverse_layer_idx: true },
      /layer_idx is true, not false/,
    ],
    ["a head of its own", { tie_word_embeddings: false }, /missing: lm_head\.weight/],
  ])("a configuration with %s is refused", (_, entries, message) => {
    expect(() => loadGPT2(open("gpt2"), { ...config, ...entries })).toThrow(message);
    expect(() => loadGPT2(open("gpt2"), { ...config, ...entries })).toThrow(CheckpointError);
  });

  test("other models are refused before one is built", () => {
    const head = fromArray("F32", [61, 32], new Float32Array(61 * 32));
    const ownHead = changed("gpt2", (entries) => [...entries, ["lm_head.weight", head]]);
    expect(() => loadGPT2(ownHead, config)).toThrow(/lm_head\.weight differs from wte\.weight/);
    const twice = changed("gpt2", (entries) => [...entries, ["wte.weight", head]]);
    expect(() => loadGPT2(twice, config)).toThrow(
      /transformer\.wte\.weight and wte\.weight are both the model's transformer\.wte\.weight/,
    );
    expect(() => loadGPT2(open("tokens_f16"), config)).toThrow(
      /holds no GPT-2: wte\.weight is \[\]/,
    );
    const narrow = changed("gpt2", (entries) =>
      entries.map(([name, value]) =>
        name.includes("h.1.mlp.c_fc.w")
          ? [name, fromArray("F32", [32, 3], new Float32Array(96))]
          : [name, value],
      ),
    );
    expect(() => loadGPT2(narrow, config)).toThrow(
      /h\.1\.mlp\.c_fc\.weight is \[32, 3\]; nn\.GPT has \[32, 128\]/,
    );
    expect(() => loadGPT2(open("gpt2"), { ...config, n_head: 5 })).toThrow(ArgumentError);
  });
});

describe("a state dict of PyTorch", () => {
  const convnet = () =>
    new nn.Sequential(
      new nn.Conv2d(3, 4, 3, { padding: 1 }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.ConvTranspose2d(4, 2, 2, { stride: 2 }),
      new nn.Flatten(),
      new nn.Linear(200, 6),
      new nn.LayerNorm(6),
    );
  const tokens = () =>
    new nn.Sequential(new nn.Embedding(9, 5), new nn.Linear(5, 3, { bias: false }));

  test.each<[string, SafetensorsDType, () => nn.Sequential]>([
    ["convnet_f64", "F64", convnet],
    ["tokens_f16", "F16", tokens],
    ["tokens_bf16", "BF16", tokens],
  ])("%s computes here what it computes there, in f32", async (name, dtype, build) => {
    const model = build().eval();
    const checkpoint = new Checkpoint(fileOf(name), name);
    expect(checkpoint.tensors.get("0.weight")!.dtype).toBe(dtype);
    checkpoint.restoreModel(model);
    expect(model.parameters().every((parameter) => parameter.dtype === "f32")).toBe(true);
    expectClose(await outputOf(model, name), numbers(`${name}/out0`), tolerance);
    model.dispose();
  });

  test("under a wrapper's prefix is read with a layout that takes it off", async () => {
    const wrapped = changed("tokens_f16", (entries) =>
      entries.map(([name, value]) => [`_orig_mod.${name}`, value]),
    );
    const model = tokens();
    expect(() => wrapped.restoreModel(model)).toThrow(
      /unexpected: _orig_mod\.0\.weight; _orig_mod/,
    );
    wrapped.restoreModel(model, {
      layout: new StateDictLayout({ rename: [[/^_orig_mod\./, ""]] }),
    });
    expectClose(await outputOf(model, "tokens_f16"), numbers("tokens_f16/out0"), tolerance);
    model.dispose();
  });
});
