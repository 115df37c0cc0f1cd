import { describe, expect, test } from "vitest";
import { runCompiled } from "../compiledShader";
import {
  type Accuracy,
  type Format,
  f16,
  f32,
  roundingFunctions,
  vectorFunctions,
} from "./accuracy";
import { accuracyShader, argumentsOf, vectorArguments, vectorShader } from "./accuracyShader";
import { Dawn } from "./dawn";
import { packings, wrongPacking, wrongUnpacking } from "./packing";
import { bytesOf, type Shader, wordsOf } from "./run";

const dawn = await Dawn.create();
const executors = [
  ["the CPU executor", runCompiled],
  ["Dawn", (shader: Shader) => dawn.run(shader)],
] as const;

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(wordsOf(bytes).buffer);

/** Each result that is further from the reference than WGSL allows. */
function wrong(entry: Accuracy, format: Format, args: number[][], results: Float32Array): string[] {
  return [...results].flatMap((result, i) => {
    const numbers = [args[0]![i]!, args[1]![i]!, args[2]![i]!] as const;
    const reference = entry.reference(...numbers);
    if (Math.abs(reference) > format.largest) return [];
    // A result below the smallest normal number may be flushed to zero.
    const allowed = entry.error(format, reference, ...numbers) + 2 ** format.smallest;
    return Math.abs(result - reference) <= allowed
      ? []
      : [`${numbers.join(", ")}: ${result}, not ${reference} ± ${allowed}`];
  });
}

describe("functions that round are as accurate as WGSL asks for, as scalars and as vectors", () => {
  for (const [name, run] of executors)
    for (const format of name === "Dawn" && !dawn.has("shader-f16") ? [f32] : [f32, f16])
      for (const entry of roundingFunctions)
        test(`${entry.wgsl} on ${entry.domain.join("; ")} in ${format.name} by ${name}`, async () => {
          const args = argumentsOf(entry, format);
          const [, vectors, scalars] = await run(accuracyShader(entry.wgsl, format, args));
          expect(wrong(entry, format, args, floats(vectors!))).toEqual([]);
          expect(wrong(entry, format, args, floats(scalars!))).toEqual([]);
        });
});

describe("geometric functions are accurate to a few roundings", () => {
  for (const [name, run] of executors)
    test(name, async () => {
      const results = floats((await run(vectorShader()))[1]!);
      const args = vectorArguments();
      vectorFunctions.forEach(({ wgsl, reference }, k) => {
        args.forEach(({ x, y }, i) => {
          for (const [c, expected] of reference(x, y).entries()) {
            const actual = results[(k * args.length + i) * 4 + c]!;
            const allowed = 2 ** -20 * (1 + Math.abs(expected));
            expect(Math.abs(actual - expected), `${wgsl} of ${x}; ${y}`).toBeLessThan(allowed);
          }
        });
      });
    });
});

describe("floats are packed into words and back within a rounding", () => {
  const count = 64;
  const values = Array.from({ length: count * 4 }, (_, i) =>
    Math.fround(i < 8 ? [0, 1, -1, 0.5, 2, -2, 1e-3, -0.25][i]! : Math.sin(i * 1.7) * 1.1),
  );
  const words = Array.from({ length: count }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0);
  for (const [name, run] of executors)
    for (const packing of packings)
      test(`${packing.name} by ${name}`, async () => {
        const { fields } = packing;
        const [, , packed, unpacked] = await run({
          wgsl: `
@group(0) @binding(0) var<storage, read> values: array<vec4f>;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read_write> packed: array<u32>;
@group(0) @binding(3) var<storage, read_write> unpacked: array<vec${fields}f>;
@compute @workgroup_size(${count})
fn main(@builtin(local_invocation_index) lane: u32) {
  packed[lane] = pack${packing.name}(values[lane]${fields === 2 ? ".xy" : ""});
  unpacked[lane] = unpack${packing.name}(words[lane]);
}
`,
          grid: [1, 1, 1],
          buffers: [
            {
              name: "values",
              index: 0,
              access: "read",
              bytes: new Uint8Array(Float32Array.from(values).buffer),
            },
            { name: "words", index: 1, access: "read", bytes: bytesOf(words) },
            { name: "packed", index: 2, access: "read_write", bytes: new Uint8Array(count * 4) },
            {
              name: "unpacked",
              index: 3,
              access: "read_write",
              bytes: new Uint8Array(count * 4 * fields),
            },
          ],
        });
        const failures = words.flatMap((word, i) => [
          wrongPacking(packing, values.slice(4 * i), wordsOf(packed!)[i]!),
          wrongUnpacking(packing, word, [...floats(unpacked!).slice(fields * i)]),
        ]);
        expect(failures.filter((failure) => failure !== null)).toEqual([]);
      });
});
