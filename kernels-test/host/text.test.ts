import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CharTokenizer } from "../../src/data/charTokenizer";
import { fromBytes, fromString, TextDataset } from "../../src/data/text";
import { decodeUtf8, firstInvalidUtf8 } from "../../src/data/utf8";
import { CheckpointError, DataError } from "../../src/errors";

const utf8 = (text: string) => new TextEncoder().encode(text);
const wellFormed = fc.string({ unit: "binary" });

describe("decodeUtf8", () => {
  test("finds an invalid byte exactly where TextDecoder finds one", () => {
    const strict = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const nearlyText = fc
      .tuple(wellFormed, fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([text, place, byte]) => {
        const bytes = utf8(text);
        if (bytes.length > 0) bytes[place % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), nearlyText), (bytes) => {
        const offset = firstInvalidUtf8(bytes);
        if (offset < 0) expect(() => strict(bytes)).not.toThrow();
        else {
          expect(() => strict(bytes)).toThrow();
          expect(() => strict(bytes.slice(0, offset))).not.toThrow();
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ["an overlong slash", [0xc0, 0xaf], 0],
    ["an overlong three-byte form", [0x61, 0xe0, 0x9f, 0xbf], 1],
    ["a surrogate", [0xed, 0xa0, 0x80], 0],
    ["a code point past U+10FFFF", [0xf4, 0x90, 0x80, 0x80], 0],
    ["a lone continuation byte", [0x61, 0x62, 0x80], 2],
    ["a sequence cut by a letter", [0xe2, 0x82, 0x61], 0],
  ])("refuses %s", (_, bytes, offset) => {
    expect(firstInvalidUtf8(Uint8Array.from(bytes))).toBe(offset);
  });

  test("the message names file, byte, offset, line and the conversion", () => {
    const latin1 = Uint8Array.from([...utf8("first\nna"), 0xef, ...utf8("ve\n")]);
    expect(() => decodeUtf8(latin1, "old.txt")).toThrow(DataError);
    expect(() => decodeUtf8(latin1, "old.txt")).toThrow(
      /^old\.txt is not UTF-8: byte 0xef at byte offset 8 \(line 2\)\. .*iconv -f latin1/,
    );
    expect(() => decodeUtf8(Uint8Array.from([0xff, 0xfe, 0x61, 0x00]), "wide.txt")).toThrow(
      /iconv -f utf-16 /,
    );
    expect(() => decodeUtf8(utf8("price: €").slice(0, -1), "cut.txt")).toThrow(
      /the last character is cut short \(byte 0xe2\) at byte offset 7/,
    );
  });

  test("a byte order mark is not part of the text", () => {
    expect(decodeUtf8(Uint8Array.from([0xef, 0xbb, 0xbf, 0x61]), "a.txt")).toBe("a");
  });
});

describe("CharTokenizer", () => {
  test("tokens are the distinct code points in ascending order", () => {
    const tokenizer = CharTokenizer.fromText("banana 🍌é\n");
    expect(tokenizer.toJSON().characters).toBe("\n abné🍌");
    expect(tokenizer.vocab).toBe(7);
    expect([...tokenizer.encode("a🍌b")]).toEqual([2, 6, 3]);
  });

  test("decode undoes encode, also after a round trip through JSON", () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        const tokenizer = CharTokenizer.fromText(text);
        const restored = CharTokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
        expect(restored.decode(tokenizer.encode(text))).toBe(text);
        expect(tokenizer.encode(text)).toHaveLength([...text].length);
      }),
    );
  });

  test("an unknown character is named with its code point and place", () => {
    const tokenizer = CharTokenizer.fromText("abc");
    expect(() => tokenizer.encode("ab€")).toThrow(DataError);
    expect(() => tokenizer.encode("ab€")).toThrow(
      /the character "€" \(U\+20AC\) at position 2; it knows the 3 characters .*: abc$/,
    );
    expect(() => tokenizer.encode("\u0007")).toThrow(/U\+0007/);
  });

  test("a token out of range is named", () => {
    expect(() => CharTokenizer.fromText("abc").decode([0, 3])).toThrow(/token 3: .* 0 to 2/);
    expect(() => CharTokenizer.fromText("abc").decode([-1])).toThrow(DataError);
  });

  test("half a surrogate pair is refused", () => {
    expect(() => CharTokenizer.fromText("a\ud83c")).toThrow(/half a surrogate pair \(U\+D83C\)/);
  });

  test("JSON that is no tokenizer, or an altered one, is a checkpoint error", () => {
    for (const json of [
      null,
      {},
      { kind: "bpe", characters: "ab" },
      { kind: "char", characters: 3 },
      { kind: "char", characters: "ba" },
      { kind: "char", characters: "aab" },
    ]) {
      expect(() => CharTokenizer.fromJSON(json)).toThrow(CheckpointError);
    }
  });
});

const letters = (length: number) =>
  Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join("");

describe("TextDataset", () => {
  test("the first nine tenths train, the rest validates", () => {
    const text = fromString(letters(1000));
    expect(text.trainLength).toBe(900);
    expect(text.part("train")).toHaveLength(900);
    expect(text.part("validation")).toHaveLength(100);
    expect(text.tokenizer.decode(text.tokens)).toBe(letters(1000));
    expect(fromString(letters(100), { trainFraction: 0.5 }).trainLength).toBe(50);
  });

  test("an empty text is refused by name", () => {
    expect(() => fromBytes(new Uint8Array(), { name: "empty.txt" })).toThrow(DataError);
    expect(() => fromBytes(new Uint8Array(), { name: "empty.txt" })).toThrow(
      /^empty\.txt is empty/,
    );
    const onlyMark = Uint8Array.from([0xef, 0xbb, 0xbf]);
    expect(() => fromBytes(onlyMark, { name: "bom.txt" })).toThrow(/^bom\.txt is empty/);
  });

  test("a text shorter than a window names both lengths and the cure", () => {
    const text = fromString(letters(40), { name: "short.txt" });
    expect(() => text.loader({ batch: 1, context: 64, seed: 1 })).toThrow(DataError);
    expect(() => text.loader({ batch: 1, context: 64, seed: 1 })).toThrow(
      /^short\.txt .*train part .*has 36 characters, .*context 64 and its target need 65; .*--context 35/,
    );
    expect(() => text.validationBatches({ batch: 1, context: 16, batches: 1 })).toThrow(
      /validation part \(10 % of 40 characters\) has 4 characters.* need 17; .*--context 3\)/,
    );
    expect(() => fromString("a").loader({ batch: 1, context: 1, seed: 1 })).toThrow(/use a longer/);
  });

  test("a context that just fits is accepted, one more is not", () => {
    const text = fromString(letters(100));
    expect(text.loader({ batch: 2, context: 89, seed: 1 }).next().input.values).toHaveLength(178);
    expect(() => text.loader({ batch: 2, context: 90, seed: 1 })).toThrow(DataError);
  });

  test("a checkpoint's tokenizer encodes another text, and refuses characters it lacks", () => {
    const tokenizer = CharTokenizer.fromText("abcdef");
    expect([...new TextDataset("fade", { tokenizer }).tokens]).toEqual([5, 0, 3, 4]);
    expect(() => new TextDataset("fades", { tokenizer })).toThrow(/"s"/);
  });

  test("validation batches are even windows from the part's first token to its last", () => {
    const text = fromString(letters(1000));
    const part = text.part("validation");
    const batches = text.validationBatches({ batch: 3, context: 8, batches: 4 });
    expect(batches).toEqual(text.validationBatches({ batch: 3, context: 8, batches: 4 }));
    expect(batches).toHaveLength(4);
    expect([...batches[0]!.input.values.subarray(0, 8)]).toEqual([...part.subarray(0, 8)]);
    expect([...batches[3]!.target.values.subarray(16)]).toEqual([...part.subarray(-8)]);
    const one = text.validationBatches({ batch: 1, context: 8, batches: 1 });
    expect([...one[0]!.input.values]).toEqual([...part.subarray(0, 8)]);
  });
});

describe("TextLoader", () => {
  const source = letters(500);
  const options = { batch: 6, context: 10, seed: 7 };
  const loader = () => fromString(source).loader(options);

  test("every row is a window of the training part, its target one character on", () => {
    const text = fromString(source);
    const train = source.slice(0, 450);
    const next = text.loader(options).next();
    const [batch, context] = next.input.shape as [number, number];
    const input = next.input.values;
    const target = next.target.values;
    expect([batch, context]).toEqual([6, 10]);
    for (let row = 0; row < batch; row++) {
      const span = [row * context, (row + 1) * context] as const;
      const given = text.tokenizer.decode(input.subarray(...span));
      const wanted = text.tokenizer.decode(target.subarray(...span));
      expect(train).toContain(given + wanted.at(-1));
      expect(wanted.slice(0, -1)).toBe(given.slice(1));
    }
  });

  test("windows start anywhere they fit, first and last place included", () => {
    const text = fromString("abcdefghij");
    const first = new Set<number>();
    const windows = text.loader({ batch: 4, context: 6, seed: 1 });
    for (let step = 0; step < 50; step++) {
      const { input } = windows.next();
      for (let row = 0; row < 4; row++) first.add(input.values[row * 6]!);
    }
    expect([...first].sort()).toEqual([0, 1, 2]);
  });

  test("a loader whose cursor was set goes on exactly like one that was not stopped", () => {
    const whole = loader();
    for (let step = 0; step < 25; step++) whole.next();
    const resumed = loader();
    resumed.cursor = 25;
    for (let step = 0; step < 5; step++) expect(resumed.next()).toEqual(whole.next());
    expect(resumed.cursor).toBe(30);
    resumed.cursor = 27;
    expect(loader().at(27)).toEqual(resumed.next());
  });

  test("steps differ, seeds differ, and the same seed repeats", () => {
    expect(loader().at(0)).toEqual(loader().at(0));
    expect(loader().at(0)).not.toEqual(loader().at(1));
    expect(loader().at(0)).not.toEqual(
      fromString(source)
        .loader({ ...options, seed: 8 })
        .at(0),
    );
    expect(loader().at(1)).not.toEqual(loader().at(1 + 2 ** 32));
  });

  test("iterating ends at the step asked for", () => {
    const steps = fromString(source).loader({ ...options, steps: 3 });
    expect([...steps]).toHaveLength(3);
    expect([...steps]).toHaveLength(0);
  });

  test("sizes that are no counts are named", () => {
    const text = fromString(source);
    expect(() => text.loader({ ...options, batch: 0 })).toThrow(/batch .* got 0/);
    expect(() => text.loader({ ...options, context: 1.5 })).toThrow(/context .* got 1.5/);
    expect(() => text.loader({ ...options, seed: -1 })).toThrow(/seed .* got -1/);
    expect(() => {
      loader().cursor = -1;
    }).toThrow(/step .* got -1/);
  });
});

describe("another library's tokenizer", () => {
  test("makes the tokens, and its vocabulary bounds them", () => {
    const tokenizer = { vocab: 256, encode: (text: string) => [...utf8(text)] };
    const text = fromString("ab".repeat(20), { tokenizer });
    expect(text.vocab).toBe(256);
    expect([...text.tokens.slice(0, 3)]).toEqual([97, 98, 97]);
    expect(text.tokenizer).toBe(tokenizer);
    const small = { ...tokenizer, vocab: 98 };
    expect(() => fromString("aba", { tokenizer: small })).toThrow(DataError);
    expect(() => fromString("aba", { tokenizer: small })).toThrow(/token 98, but .* vocab is 98/);
  });
});
