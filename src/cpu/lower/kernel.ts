/**
 * A whole kernel: the function that runs a range of workgroups (see ir/kernel.ts), with a loop over the
 * workgroups and in it one over the invocations of a workgroup. What does not depend on them is hoisted out
 * of these loops by the scheduler.
 */
import type { Program } from "../../device/executor";
import { Builder } from "../ir/builder";
import type { FunctionBody, Value } from "../ir/ir";
import { dispatchBlock } from "../ir/kernel";
import type {
  BuiltinValue,
  CheckedProgram,
  EntryPoint,
  GlobalVariable,
  Variable,
} from "../wgsl/program";
import { ShaderError } from "../wgsl/shaderError";
import { sizeOf, u32 } from "../wgsl/types";
import { fromScalars } from "./arithmetic";
import { runGroup } from "./barriers";
import { Slot } from "./environment";
import { Discoveries, impossible, Lowering, roundUp } from "./lowering";
import { clearMemory, type MemoryPlace } from "./memory";
import { assign } from "./places";
import type { Representation } from "./representation";
import { isSplit } from "./splits";
import { statements } from "./statements";
import { subgroupSize } from "./subgroupSize";
import { globalsOf } from "./usage";

export interface LoweredKernel {
  readonly body: FunctionBody;
  readonly scratchBytes: number;
  readonly leastBytes: readonly number[];
}

export function lowerKernel(checked: CheckedProgram, program: Program): LoweredKernel {
  const entry = checked.entries.find((e) => e.name === "main");
  if (!entry)
    throw new ShaderError("A kernel needs a compute entry point named main.", {
      line: 1,
      column: 1,
    });
  const discovered = new Discoveries();
  // Where an assumption turns out wrong, what is lowered is wrong too, but shows other wrong ones.
  for (;;) {
    const known = discovered.count;
    const lowered = attempt(checked, entry, program, discovered);
    if (discovered.count === known) return lowered;
  }
}

function attempt(
  checked: CheckedProgram,
  entry: EntryPoint,
  program: Program,
  discovered: Discoveries,
): LoweredKernel {
  const b = new Builder("run", ["i32", "i32", "i32", "i32"]);
  const [block, scratch, begin, end] = b.parameters as [Value, Value, Value, Value];
  const cx = new Lowering(b, checked, scratch, discovered);
  const { environment } = cx;
  const globals = globalsOf(entry.fn);
  const leastBytes = program.bindings.map(() => 4);
  for (const global of globals) bindGlobal(cx, global, program, block, leastBytes);
  const workgroupBytes = roundUp(cx.frame.bytes, 16);
  cx.frame.bytes = workgroupBytes;
  const privates = globals.filter((g) => g.space === "private");

  countingLoop(cx, begin, end, (group) => {
    const ids = new Ids(cx, entry, block, group);
    clearMemory(b, scratch, 0, workgroupBytes);
    if (isSplit(entry.fn)) runGroup(cx, ids, privates);
    else
      eachInvocation(cx, ids.count, (lane) => {
        for (const variable of privates) assign(cx, cx.declare(variable), variable.init);
        bindInputs(cx, ids, lane);
        environment.block((next) => {
          cx.activation = { result: [], type: null, end: next, returned: null };
          statements(cx, entry.fn.body);
        });
      });
  });
  b.return();
  return { body: b.finish(null), scratchBytes: roundUp(cx.frame.bytes, 16), leastBytes };
}

/** for (i = begin; i < end; i++), unsigned. */
export function countingLoop(
  cx: Lowering,
  begin: Value,
  end: Value,
  body: (index: Value) => void,
  changing: readonly Slot[] = [],
): void {
  const { b, environment } = cx;
  const counter = new Slot();
  environment.set(counter, begin);
  environment.block((exit) => {
    environment.loop([counter, ...changing], (again) => {
      const index = environment.get(counter);
      environment.jumpIf(exit, b.pure("i32.lt_u", [index, end]), false);
      body(index);
      environment.set(counter, b.pure("i32.add", [index, b.i32(1)]));
      environment.jump(again);
    });
    environment.reachable = false;
  });
  environment.values.delete(counter);
}

/** One after another, by local index. */
export function eachInvocation(
  cx: Lowering,
  count: number,
  body: (lane: Value) => void,
  changing: readonly Slot[] = [],
): void {
  const { b } = cx;
  if (count === 1) body(b.i32(0));
  else countingLoop(cx, b.i32(0), b.i32(count), body, changing);
}

function bindGlobal(
  cx: Lowering,
  global: GlobalVariable,
  program: Program,
  block: Value,
  leastBytes: number[],
): void {
  const { b } = cx;
  const { type } = global;
  if (global.space === "private") return;
  const place = (memory: Omit<MemoryPlace, "type">): void => {
    cx.names.set(global, {
      kind: "place",
      place: { kind: "memory", memory: { ...memory, type }, type },
    });
  };
  if (global.space === "workgroup") {
    const offset = cx.frame.reserve(roundUp(sizeOf(type), 16), 16);
    place({ base: cx.scratch, offset, constant: false, shared: false, bytes: null });
    return;
  }
  if (global.space === "uniform") {
    const base = b.loadConstant("i32.load", block, dispatchBlock.params);
    place({ base, offset: 0, constant: true, shared: false, bytes: null });
    return;
  }
  const number = program.bindings.findIndex((binding) => binding.index === global.binding?.index);
  if (number < 0)
    throw new ShaderError(
      `The storage variable ${global.name} has no place among the bindings of ${program.name}.`,
      global.at,
    );
  const at = dispatchBlock.bindings + 8 * number;
  leastBytes[number] = roundUp(sizeOf(type), 4);
  place({
    base: b.loadConstant("i32.load", block, at),
    offset: 0,
    constant: global.access === "read",
    shared: true,
    bytes: b.loadConstant("i32.load", block, at + 4),
  });
}

/** The built-in values. */
export class Ids {
  readonly count: number;
  private readonly grid: readonly [Value, Value, Value];
  private readonly group3: readonly [Value, Value, Value];

  constructor(
    private readonly cx: Lowering,
    readonly entry: EntryPoint,
    block: Value,
    private readonly group: Value,
  ) {
    const { b } = cx;
    const [x, y, z] = entry.workgroupSize;
    this.count = x * y * z;
    const along = (i: number) => b.loadConstant("i32.load", block, dispatchBlock.grid + 4 * i);
    this.grid = [along(0), along(1), along(2)];
    this.group3 = coordinates(b, group, this.grid[0], this.grid[1]);
  }

  /** In a workgroup that is one row, the index is x: the divisions by constants fold. */
  private local(lane: Value): readonly [Value, Value, Value] {
    const { b } = this.cx;
    const [x, y, z] = this.entry.workgroupSize;
    if (y * z === 1) return [lane, b.i32(0), b.i32(0)];
    return coordinates(b, lane, b.i32(x), b.i32(y));
  }

  /** The same for all invocations of a workgroup. */
  ofGroup(name: BuiltinValue): Value | null {
    const { b } = this.cx;
    switch (name) {
      case "workgroup_id":
        return fromScalars(b, u32, this.group3);
      case "num_workgroups":
        return fromScalars(b, u32, this.grid);
      case "workgroup_index":
        return this.group;
      case "subgroup_size":
        return b.i32(subgroupSize);
      case "num_subgroups":
        return b.i32(Math.ceil(this.count / subgroupSize));
      default:
        return null;
    }
  }

  of(name: BuiltinValue, lane: Value): Value {
    const { b } = this.cx;
    const ofGroup = this.ofGroup(name);
    if (ofGroup) return ofGroup;
    switch (name) {
      case "local_invocation_index":
        return lane;
      case "local_invocation_id":
        return fromScalars(b, u32, this.local(lane));
      case "global_invocation_id": {
        const global = this.local(lane).map((l, i) => {
          const size = b.i32(this.entry.workgroupSize[i]!);
          return b.pure("i32.add", [b.pure("i32.mul", [this.group3[i]!, size]), l]);
        });
        return fromScalars(b, u32, global);
      }
      case "global_invocation_index":
        return b.pure("i32.add", [b.pure("i32.mul", [this.group, b.i32(this.count)]), lane]);
      case "subgroup_invocation_id":
        return b.pure("i32.and", [lane, b.i32(subgroupSize - 1)]);
      case "subgroup_id":
        return b.pure("i32.shr_u", [lane, b.i32(Math.log2(subgroupSize))]);
      default:
        return impossible(`the built-in value ${name}`);
    }
  }
}

/** The coordinates of a linear index in a box that is x wide and y high, x fastest. */
function coordinates(b: Builder, index: Value, x: Value, y: Value): [Value, Value, Value] {
  const rows = b.pure("i32.div_u", [index, x]);
  return [
    b.pure("i32.rem_u", [index, x]),
    b.pure("i32.rem_u", [rows, y]),
    b.pure("i32.div_u", [rows, y]),
  ];
}

/** Binds parameters of the entry point for one invocation: all, or only some. */
export function bindInputs(
  cx: Lowering,
  ids: Ids,
  lane: Value,
  only?: ReadonlySet<Variable>,
): void {
  const { fn, inputs } = ids.entry;
  fn.parameters.forEach((parameter, i) => {
    if (only && !only.has(parameter)) return;
    const input = inputs[i]!;
    const value: Representation =
      typeof input === "string" ? ids.of(input, lane) : input.map((name) => ids.of(name, lane));
    cx.bindValue(parameter, value);
  });
}
