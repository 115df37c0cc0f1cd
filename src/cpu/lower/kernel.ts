/**
 * A whole kernel: the function that runs a range of workgroups (see ir/kernel.ts), with a loop over the
 * workgroups and in it one over the invocations of a workgroup. What does not depend on them is hoisted out
 * of these loops by the scheduler.
 */
import type { Program } from "../../device/executor";
import { Builder } from "../ir/builder";
import type { FunctionBody, Value } from "../ir/ir";
import { dispatchBlock } from "../ir/kernel";
import type { CheckedProgram, EntryPoint, GlobalVariable } from "../wgsl/program";
import { ShaderError } from "../wgsl/shaderError";
import { sizeOf } from "../wgsl/types";
import { runGroup } from "./barriers";
import { bindInputs, countingLoop, eachInvocation, Ids } from "./invocations";
import { Discoveries, Lowering, roundUp } from "./lowering";
import { clearMemory, type MemoryPlace } from "./memory";
import { assign } from "./places";
import { isSplit } from "./splits";
import { statements } from "./statements";
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
    const lowered = attempt(entry, program, discovered);
    if (discovered.count === known) return lowered;
  }
}

function attempt(entry: EntryPoint, program: Program, discovered: Discoveries): LoweredKernel {
  const b = new Builder("run", ["i32", "i32", "i32", "i32"]);
  const [block, scratch, begin, end] = b.parameters as [Value, Value, Value, Value];
  const cx = new Lowering(b, scratch, discovered);
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
          cx.activation = { result: null, end: next, returned: null };
          statements(cx, entry.fn.body);
        });
      });
  });
  b.return();
  return { body: b.finish(null), scratchBytes: roundUp(cx.frame.bytes, 16), leastBytes };
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
