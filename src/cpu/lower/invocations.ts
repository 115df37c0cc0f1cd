/** Loops over workgroups and over the invocations of one, and the built-in values that tell them apart. */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { dispatchBlock } from "../ir/kernel";
import type { BuiltinValue, EntryPoint, Variable } from "../wgsl/program";
import { u32 } from "../wgsl/types";
import { fromScalars } from "./arithmetic";
import { Slot } from "./environment";
import { impossible, type Lowering } from "./lowering";
import type { Representation } from "./representation";
import { subgroupSize } from "./subgroupSize";

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
