/** Whether the CPU executor leaves the same words in every buffer as Dawn. */
import { runCompiled } from "../compiledShader";
import type { Dawn } from "./dawn";
import { type Shader, wordsOf } from "./run";

const hex = (word: number): string => `0x${word.toString(16).padStart(8, "0")}`;

/** The text with line numbers, and what it is run with. */
export function shown({ wgsl, overrides, grid }: Shader): string {
  const lines = wgsl.split("\n").map((line, i) => `${String(i + 1).padStart(4)} ${line}`);
  const given = overrides ? `\noverrides ${JSON.stringify(overrides)}` : "";
  return `${lines.join("\n")}\ngrid ${grid.join(" x ")}${given}`;
}

/** Rejects with the shader's text if the executors do not agree, or one of them fails. */
export async function expectAgreement(dawn: Dawn, shader: Shader): Promise<void> {
  try {
    const expected = await dawn.run(shader);
    const actual = await runCompiled(shader);
    shader.buffers.forEach(({ name }, i) => {
      const [want, got] = [wordsOf(expected[i]!), wordsOf(actual[i]!)];
      const at = got.findIndex((word, k) => word !== want[k]);
      if (at >= 0)
        throw new Error(`${name}: word ${at} is ${hex(got[at]!)}; Dawn has ${hex(want[at]!)}`);
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${shown(shader)}`);
  }
}
