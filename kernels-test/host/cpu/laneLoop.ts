/** Runs a function of v128 lanes over arrays, compiled as one loop of a WebAssembly module. */
import { Builder } from "../../../src/cpu/ir/builder";
import type { Value } from "../../../src/cpu/ir/ir";
import { encodeModule } from "../../../src/cpu/wasm/module";

export interface LaneLoop {
  /** The bits of the arguments, one array for each. */
  readonly inputs: readonly Uint32Array[];
  readonly output: Uint32Array;
  run(): void;
}

/** @param count elements of each array, a multiple of 4 */
export function laneLoop(
  arity: number,
  count: number,
  f: (b: Builder, ...args: Value[]) => Value,
): LaneLoop {
  const bytes = count * 4;
  const b = new Builder("laneLoop", []);
  b.loop([b.i32(0)], (again, phis) => {
    const at = phis[0]!;
    const args = Array.from({ length: arity }, (_, k) => b.load("v128.load", at, k * bytes));
    b.store("v128.store", at, f(b, ...args), arity * bytes);
    const next = b.pure("i32.add", [at, b.i32(16)]);
    b.branch(again, [next], b.pure("i32.lt_u", [next, b.i32(bytes)]));
  });
  const memory = new WebAssembly.Memory({ initial: Math.ceil(((arity + 1) * bytes) / 65536) });
  const module = new WebAssembly.Module(
    encodeModule(b.finish(null), { shared: false, relaxed: false }),
  );
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const array = (k: number) => new Uint32Array(memory.buffer, k * bytes, count);
  return {
    inputs: Array.from({ length: arity }, (_, k) => array(k)),
    output: array(arity),
    run: exports["run"] as () => void,
  };
}

/** The results for these arguments; arrays may have any length. */
export function mapLanes(
  f: (b: Builder, ...args: Value[]) => Value,
  ...args: readonly (Float32Array | Int32Array | Uint32Array)[]
): Uint32Array {
  const length = args[0]!.length;
  const loop = laneLoop(args.length, Math.ceil(length / 4) * 4, f);
  for (const [k, arg] of args.entries())
    loop.inputs[k]!.set(new Uint32Array(arg.buffer, arg.byteOffset, length));
  loop.run();
  return loop.output.subarray(0, length);
}

/** The same bits as f32. */
export const asFloats = (bits: Uint32Array): Float32Array =>
  new Float32Array(bits.buffer, bits.byteOffset, bits.length);

const points = [0, 2 ** -149, 2 ** -126, 2 ** -14, 0.5, 1, Math.PI / 2, Math.PI, 2 ** 20, 65504];

/** Every `stride`th bit pattern of f32, with 2 * `around` neighbours of notable numbers and their negatives. */
export function floatSweep(stride: number, around: number): Float32Array {
  const bits: number[] = [];
  for (let k = 0; k < 2 ** 32; k += stride) bits.push(k);
  const ends = [...points, Number.POSITIVE_INFINITY];
  for (const centre of new Uint32Array(new Float32Array([...ends, ...ends.map((x) => -x)]).buffer))
    for (let d = -around; d <= around; d++) bits.push((centre + d) >>> 0);
  return asFloats(Uint32Array.from(bits));
}
