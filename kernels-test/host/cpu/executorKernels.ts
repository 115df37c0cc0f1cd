/**
 * Kernels for tests of the executor, made by hand instead of compiled. Each workgroup works on one u32,
 * that of its linear number g. The "text" of a program is the name of one of these.
 */
import { Builder } from "../../../src/cpu/ir/builder";
import type { Value } from "../../../src/cpu/ir/ir";
import { dispatchBlock } from "../../../src/cpu/ir/kernel";
import type { Compile } from "../../../src/cpu/kernelCache";
import { encodeModule } from "../../../src/cpu/wasm/module";
import { ShaderError } from "../../../src/cpu/wgsl/shaderError";
import type { Program } from "../../../src/device/executor";

interface Body {
  /** The address of element g of a binding. */
  at(binding: number): Value;
  /** The first word of the uniform. */
  param(): Value;
  scratch: Value;
  g: Value;
}

const bodies: Record<string, (b: Builder, body: Body) => void> = {
  /** y[g] = x[g] + param */
  add(b, { at, param }) {
    b.store("i32.store", at(1), b.pure("i32.add", [b.load("i32.load", at(0)), param()]));
  },
  /** y[g] = 3 y[g] + param, the intermediate value kept in scratch memory. */
  step(b, { at, param, scratch }) {
    b.store("i32.store", scratch, b.pure("i32.mul", [b.load("i32.load", at(0)), b.i32(3)]));
    b.store("i32.store", at(0), b.pure("i32.add", [b.load("i32.load", scratch), param()]));
  },
  /** Adds 1 to the first word. */
  count(b, { at, g }) {
    const first = b.pure("i32.sub", [at(0), b.pure("i32.shl", [g, b.i32(2)])]);
    b.atomic("i32.atomic.rmw.add", [first, b.i32(1)]);
  },
  /** y[g] = param after so many rounds of counting. */
  slow(b, { at, param }) {
    b.loop([b.i32(0)], (label, [i]) => {
      const next = b.pure("i32.add", [i!, b.i32(1)]);
      b.store("i32.store", at(0), next);
      b.branch(label, [next], b.pure("i32.lt_u", [next, param()]));
    });
  },
  /** Does nothing with its bindings, of which each is at least 16 bytes. */
  wide() {},
  /** Reads beyond the memory. */
  trap(b, { at }) {
    b.store("i32.store", at(0), b.load("i32.load", b.i32(-4)));
  },
};

export const compileByHand: Compile = ({ wgsl, bindings }, options) => {
  const body = bodies[wgsl];
  if (!body) throw new ShaderError(`"${wgsl}" is not a kernel`, { line: 1, column: 1 });
  const b = new Builder("run", ["i32", "i32", "i32", "i32"]);
  const [block, scratch, begin, end] = b.parameters as [Value, Value, Value, Value];
  b.loop([begin], (label, [g]) => {
    body(b, {
      scratch,
      g: g!,
      at: (binding) =>
        b.pure("i32.add", [
          b.loadConstant("i32.load", block, dispatchBlock.bindings + 8 * binding),
          b.pure("i32.shl", [g!, b.i32(2)]),
        ]),
      param: () =>
        b.loadConstant("i32.load", b.loadConstant("i32.load", block, dispatchBlock.params)),
    });
    const next = b.pure("i32.add", [g!, b.i32(1)]);
    b.branch(label, [next], b.pure("i32.lt_u", [next, end]));
  });
  const wasm = encodeModule(b.finish(null), options);
  return { wasm, scratchBytes: 16, leastBytes: bindings.map(() => (wgsl === "wide" ? 16 : 4)) };
};

type Access = "read" | "read_write";

let made = 0;

/** A program that runs the kernel of that name. */
export function programOf(kernel: string, ...access: Access[]): Program {
  return {
    key: `test/${kernel} ${made++}`,
    name: `test/${kernel}`,
    wgsl: kernel,
    overrides: {},
    bindings: access.map((one, index) => ({ name: "xyz"[index]!, index, access: one })),
    params: { index: access.length, size: 16 },
  };
}

/** The uniform of these kernels. */
export function param(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value, 0, 0, 0]).buffer);
}
