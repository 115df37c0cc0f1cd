/**
 * Writes a WebAssembly module: one imported memory, `env.memory`, and one exported function, `run`. The
 * functions it calls follow, each once.
 */
import type { FunctionBody } from "../ir/ir";
import type { CompileOptions } from "../ir/kernel";
import { ByteWriter } from "./bytes";
import { emitFunction } from "./emit";
import { typeCodes } from "./opcodes";

/** Pages of 64 KiB in 4 GiB: the most a 32-bit memory has. */
const maximumPages = 65536;

export function encodeModule(main: FunctionBody, options: CompileOptions): Uint8Array<ArrayBuffer> {
  const numbers = new Map<FunctionBody, number>([[main, 0]]);
  const functions = [main];
  const functionIndex = (callee: FunctionBody): number => {
    let index = numbers.get(callee);
    if (index === undefined) {
      index = functions.length;
      numbers.set(callee, index);
      functions.push(callee);
    }
    return index;
  };
  const vectors: Uint8Array[] = [];
  const vectorNumbers = new Map<string, number>();
  const vectorIndex = (bytes: Uint8Array): number => {
    const key = bytes.join();
    let index = vectorNumbers.get(key);
    if (index === undefined) {
      index = vectors.length;
      vectorNumbers.set(key, index);
      vectors.push(bytes);
    }
    return index;
  };
  // Emitting a function appends those it calls, and the vectors it reads.
  const bodies: Uint8Array[] = [];
  for (let i = 0; i < functions.length; i++)
    bodies.push(
      emitFunction(functions[i]!, { relaxed: options.relaxed, functionIndex, vectorIndex }),
    );

  const out = new ByteWriter();
  const section = (id: number, write: (inner: ByteWriter) => void): void => {
    out.byte(id);
    out.sized(write);
  };
  for (const byte of [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(byte);
  section(1, (types) => {
    types.u32(functions.length);
    for (const { parameters, result } of functions) {
      types.byte(0x60);
      types.u32(parameters.length);
      for (const parameter of parameters) types.byte(typeCodes[parameter.type]);
      types.u32(result ? 1 : 0);
      if (result) types.byte(typeCodes[result]);
    }
  });
  section(2, (imports) => {
    imports.u32(1);
    imports.name("env");
    imports.name("memory");
    imports.byte(2);
    imports.byte(options.shared ? 3 : 0);
    imports.u32(0);
    if (options.shared) imports.u32(maximumPages);
  });
  section(3, (declared) => {
    declared.u32(functions.length);
    for (let i = 0; i < functions.length; i++) declared.u32(i);
  });
  section(6, (globals) => {
    globals.u32(vectors.length);
    for (const bytes of vectors) {
      // Mutable: an engine may write one that is not as the constant it holds.
      for (const byte of [typeCodes.v128, 1, 0xfd, 12]) globals.byte(byte);
      globals.append(bytes);
      globals.byte(0x0b);
    }
  });
  section(7, (exports) => {
    exports.u32(1);
    exports.name("run");
    exports.byte(0);
    exports.u32(0);
  });
  section(10, (codes) => {
    codes.u32(bodies.length);
    for (const body of bodies) {
      codes.u32(body.length);
      codes.append(body);
    }
  });
  return out.finish();
}
