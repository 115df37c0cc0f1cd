/** Runs a kernel's text as the CPU executor compiles it; its storage variables come from typed arrays. */
import { runCompiled } from "../../compiledShader";

type Words = Uint32Array | Int32Array | Float32Array;
export type Buffers = Readonly<Record<string, Words>>;

export interface RunOptions {
  readonly grid?: readonly [number, number, number];
  readonly overrides?: Readonly<Record<string, number>>;
}

const elementName = (words: Words): string =>
  words instanceof Uint32Array ? "u32" : words instanceof Int32Array ? "i32" : "f32";

/**
 * What the buffers hold afterwards. Those that the text does not declare are arrays that it may write;
 * those that it does have as bindings their places among the buffers.
 */
export async function runText<B extends Buffers>(
  text: string,
  buffers: B,
  { grid = [1, 1, 1], overrides }: RunOptions = {},
): Promise<B> {
  const entries = Object.entries(buffers);
  const access = (name: string) =>
    new RegExp(`var<storage(, read_write)?> ${name}\\b`).exec(text)?.[1] === undefined &&
    isDeclared(name)
      ? "read"
      : "read_write";
  const isDeclared = (name: string) => new RegExp(`> ${name}\\s*:`).test(text);
  const declared = entries.map(([name, words], i) =>
    isDeclared(name)
      ? ""
      : `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<${elementName(words)}>;\n`,
  );
  const directives = /^(?:\s*(?:enable|diagnostic|requires)[^;]*;)*/.exec(text)![0];
  const results = await runCompiled({
    wgsl: `${directives}\n${declared.join("")}${text.slice(directives.length)}`,
    ...(overrides && { overrides }),
    grid,
    buffers: entries.map(([name, words], index) => ({
      name,
      index,
      access: access(name),
      bytes: new Uint8Array(words.buffer.slice(0)),
    })),
  });
  return Object.fromEntries(
    entries.map(([name, words], i) => {
      const { buffer } = results[i]!.slice();
      const typed =
        words instanceof Uint32Array
          ? new Uint32Array(buffer)
          : words instanceof Int32Array
            ? new Int32Array(buffer)
            : new Float32Array(buffer);
      return [name, typed];
    }),
  ) as B;
}

/** The first `count` words that a text leaves in `out`. */
export async function outputs(
  text: string,
  count: number,
  options: RunOptions & { readonly with?: Buffers } = {},
): Promise<number[]> {
  const { out } = await runText(text, { out: new Uint32Array(count), ...options.with }, options);
  return [...out];
}

/** The same for floats. */
export async function floats(
  text: string,
  count: number,
  options: RunOptions & { readonly with?: Buffers } = {},
): Promise<number[]> {
  const { out } = await runText(text, { out: new Float32Array(count), ...options.with }, options);
  return [...out];
}
