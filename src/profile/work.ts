/** The work of a dispatch: bytes from what it binds, operations from workTable.ts. */
import type { TimedDispatch } from "../device/executor";
import { paramLayouts } from "../kernels/generated/paramLayouts";
import {
  type DispatchFacts,
  entryOf,
  operationCounts,
  readAndWritten,
  touchedElements,
} from "./workTable";

export interface Work {
  /** Read and written, each bound range once; ranges that are updated in place twice. */
  readonly bytes: number;
  /** Floating-point operations; null where nothing says how many. */
  readonly flops: number | null;
}

export function workOf(dispatch: TimedDispatch): Work {
  const facts = factsOf(dispatch);
  return { bytes: bytesOf(dispatch, facts), flops: flopsOf(dispatch, facts) };
}

function flopsOf(dispatch: TimedDispatch, facts: DispatchFacts): number | null {
  const { name, source, params, grid } = dispatch;
  const count = source.flops ? source.flops(params, grid) : entryOf(operationCounts, name)?.(facts);
  return count !== undefined && Number.isFinite(count) ? count : null;
}

function bytesOf({ name, bindings }: TimedDispatch, facts: DispatchFacts): number {
  const twice = readAndWritten[name];
  const touched = touchedElements[name];
  let total = 0;
  for (const [i, binding] of bindings.entries()) {
    // A kernel may bind one range twice, to read it as scalars and as vec4s, or to have something to bind.
    if (binding.first < i) continue;
    const elements = touched?.[binding.name]?.(facts);
    const bytes = elements === undefined ? binding.bytes : Math.min(4 * elements, binding.bytes);
    total += twice?.includes(binding.name) ? 2 * bytes : bytes;
  }
  return total;
}

/** What the rules of the table see of a dispatch. */
export function factsOf({
  name: kernel,
  program,
  params,
  grid,
}: Pick<TimedDispatch, "name" | "program" | "params" | "grid">): DispatchFacts {
  const view = params && new DataView(params.buffer, params.byteOffset, params.byteLength);
  const places = layoutOf(kernel);
  const choices = choicesOf(program);
  return {
    groups: grid[0] * grid[1] * grid[2],
    param(name) {
      const [field, index = "0"] = name.split(".");
      const place = places.get(field!);
      if (!view || !place) return Number.NaN;
      const at = place.offset + 4 * Number(index);
      if (place.type === "f") return view.getFloat32(at, true);
      return place.type === "i" ? view.getInt32(at, true) : view.getUint32(at, true);
    },
    choice: (name, otherwise) => choices.get(name) ?? otherwise,
  };
}

interface Place {
  readonly type: string;
  readonly offset: number;
}

const layouts = new Map<string, ReadonlyMap<string, Place>>();

function layoutOf(kernel: string): ReadonlyMap<string, Place> {
  let places = layouts.get(kernel);
  if (!places) {
    const found = (paramLayouts[kernel] ?? "").matchAll(/(\w+) ([uif])(\d+)\S*/g);
    places = new Map(
      [...found].map(([, name, type, offset]) => [name!, { type: type!, offset: Number(offset) }]),
    );
    layouts.set(kernel, places);
  }
  return places;
}

const chosen = new Map<string, ReadonlyMap<string, string>>();

/** What a program was specialised with: its key ends in `;name=value` for each choice. */
function choicesOf(program: string): ReadonlyMap<string, string> {
  let choices = chosen.get(program);
  if (!choices) {
    choices = new Map(
      [...program.matchAll(/;(\w+)=([^;]*)/g)].map(([, name, value]) => [name!, value!]),
    );
    chosen.set(program, choices);
  }
  return choices;
}
