/** Runs a function in the intermediate form item by item, as ir.ts describes it: the reference for tests. */
import type { FunctionBody, Label, Region, Value } from "../../../src/cpu/ir/ir";

/** A vector is its four words. */
export type Datum = number | Int32Array;

const floats = new Float32Array(4);
const words = new Int32Array(floats.buffer);

const asFloats = (x: Int32Array): number[] => {
  words.set(x);
  return [...floats];
};
const asWords = (x: readonly number[]): Int32Array => {
  floats.set(x);
  return words.slice(0, x.length);
};

type Rule = (args: readonly number[], immediate: number) => number;
const truth = (holds: boolean): number => (holds ? 1 : 0);

const scalarRules: Readonly<Record<string, Rule>> = {
  "i32.const": (_, immediate) => immediate,
  "f32.const": (_, immediate) => immediate,
  "i32.add": ([a, b]) => (a! + b!) | 0,
  "i32.sub": ([a, b]) => (a! - b!) | 0,
  "i32.mul": ([a, b]) => Math.imul(a!, b!),
  "i32.and": ([a, b]) => a! & b!,
  "i32.or": ([a, b]) => a! | b!,
  "i32.xor": ([a, b]) => a! ^ b!,
  "i32.shl": ([a, b]) => a! << b!,
  "i32.shr_u": ([a, b]) => (a! >>> b!) | 0,
  "i32.shr_s": ([a, b]) => a! >> b!,
  "i32.rem_u": ([a, b]) => ((a! >>> 0) % (b! >>> 0)) | 0,
  "i32.div_u": ([a, b]) => ((a! >>> 0) / (b! >>> 0)) | 0,
  "i32.eqz": ([a]) => truth(a === 0),
  "i32.eq": ([a, b]) => truth(a === b),
  "i32.ne": ([a, b]) => truth(a !== b),
  "i32.lt_s": ([a, b]) => truth(a! < b!),
  "i32.le_s": ([a, b]) => truth(a! <= b!),
  "i32.gt_s": ([a, b]) => truth(a! > b!),
  "i32.ge_s": ([a, b]) => truth(a! >= b!),
  "i32.lt_u": ([a, b]) => truth(a! >>> 0 < b! >>> 0),
  "i32.le_u": ([a, b]) => truth(a! >>> 0 <= b! >>> 0),
  "i32.gt_u": ([a, b]) => truth(a! >>> 0 > b! >>> 0),
  "i32.ge_u": ([a, b]) => truth(a! >>> 0 >= b! >>> 0),
  "index.clamp": ([a, b]) => Math.min(a! >>> 0, b! >>> 0) | 0,
  "f32.add": ([a, b]) => Math.fround(a! + b!),
  "f32.mul": ([a, b]) => Math.fround(a! * b!),
  "f32.lt": ([a, b]) => truth(a! < b!),
  "f32.convert_i32_s": ([a]) => Math.fround(a!),
  select: ([a, b, c]) => (c !== 0 ? a! : b!),
};

const laneRules: Readonly<Record<string, (a: number, b: number) => number>> = {
  "f32x4.add": (a, b) => a + b,
  "f32x4.mul": (a, b) => a * b,
  "f32x4.sub": (a, b) => a - b,
};

const integerLaneRules: typeof laneRules = {
  "i32x4.add": (a, b) => a + b,
  "i32x4.mul": Math.imul,
  "v128.xor": (a, b) => a ^ b,
};

class Leave {
  constructor(readonly label: Label | null) {}
}

export interface Run {
  readonly result: Datum | null;
  /** How often each operation was evaluated where it stands (loads, atomics, stores). */
  readonly rounds: number;
}

export function interpret(
  body: FunctionBody,
  args: readonly Datum[],
  memory: DataView,
  budget = 1e5,
): Run {
  const env = new Map<Value, Datum>();
  body.parameters.forEach((p, i) => {
    env.set(p, args[i]!);
  });
  let result: Datum | null = null;
  let rounds = 0;

  const load = (value: Value, address: number): Datum => {
    const at = (address >>> 0) + (value.immediate as number);
    switch (value.op) {
      case "i32.load":
        return memory.getInt32(at, true);
      case "f32.load":
        return memory.getFloat32(at, true);
      case "v128.load":
        return Int32Array.from({ length: 4 }, (_, i) => memory.getInt32(at + 4 * i, true));
      default:
        throw new Error(value.op);
    }
  };

  const evaluate = (value: Value): Datum => {
    const known = env.get(value);
    if (known !== undefined) return known;
    if (value.op === "phi" || value.region) throw new Error(`${value.op} ${value.id} has no value`);
    const { op, immediate } = value;
    if (op === "v128.const") {
      const bytes = immediate as Uint8Array;
      return new Int32Array(bytes.slice().buffer);
    }
    const operands = value.args.map(evaluate);
    if (op.includes(".load")) return load(value, operands[0] as number);
    const integerLanes = integerLaneRules[op];
    if (integerLanes) {
      const y = operands[1] as Int32Array;
      return (operands[0] as Int32Array).map((a, i) => integerLanes(a, y[i]!));
    }
    const lanes = laneRules[op];
    if (lanes) {
      const [x, y] = operands.map((v) => asFloats(v as Int32Array)) as [number[], number[]];
      return asWords(x.map((a, i) => lanes(a, y[i]!)));
    }
    switch (op) {
      case "f32x4.splat":
        return asWords(Array(4).fill(operands[0] as number));
      case "i32x4.splat":
        return new Int32Array(4).fill(operands[0] as number);
      case "f32x4.extract_lane":
        return asFloats(operands[0] as Int32Array)[immediate as number]!;
      case "i32x4.extract_lane":
        return (operands[0] as Int32Array)[immediate as number]!;
      case "i32.reinterpret_f32":
        return asWords([operands[0] as number])[0]!;
      case "select":
        return operands[operands[2] !== 0 ? 0 : 1]!;
    }
    const rule = scalarRules[op];
    if (!rule) throw new Error(`The interpreter has no ${op}.`);
    return rule(operands as number[], immediate as number);
  };

  const assign = (phis: readonly Value[], values: readonly Value[]): void => {
    const data = values.map(evaluate);
    phis.forEach((phi, i) => {
      env.set(phi, data[i]!);
    });
  };

  const region = (inner: Region): void => {
    for (const item of inner.items) {
      if (++rounds > budget) throw new Error("The function runs for too long.");
      switch (item.kind) {
        case "value":
          env.set(item.value, load(item.value, evaluate(item.value.args[0]!) as number));
          break;
        case "store": {
          const at = ((evaluate(item.address) as number) >>> 0) + item.offset;
          const datum = evaluate(item.value);
          if (item.op === "f32.store") memory.setFloat32(at, datum as number, true);
          else if (item.op === "i32.store") memory.setInt32(at, datum as number, true);
          else
            for (let i = 0; i < 4; i++)
              memory.setInt32(at + 4 * i, (datum as Int32Array)[i]!, true);
          break;
        }
        case "fence":
          break;
        case "if": {
          const holds = evaluate(item.condition) !== 0;
          region(holds ? item.whenTrue : item.whenFalse);
          assign(item.results, (holds ? item.trueValues : item.falseValues)!);
          break;
        }
        case "block":
          try {
            region(item.body);
            assign(item.label.phis, item.values!);
          } catch (leave) {
            if (!(leave instanceof Leave) || leave.label !== item.label) throw leave;
          }
          break;
        case "loop":
          assign(item.label.phis, item.initial);
          for (;;)
            try {
              region(item.body);
              break;
            } catch (leave) {
              if (!(leave instanceof Leave) || leave.label !== item.label) throw leave;
            }
          break;
        case "branch":
          if (item.condition && evaluate(item.condition) === 0) break;
          assign(item.label.phis, item.values);
          throw new Leave(item.label);
        case "return":
          result = item.value && evaluate(item.value);
          throw new Leave(null);
      }
    }
  };

  try {
    region(body.body);
  } catch (leave) {
    if (!(leave instanceof Leave) || leave.label) throw leave;
  }
  return { result, rounds };
}
