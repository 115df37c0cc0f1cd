/**
 * A random function in the intermediate form: integers, floats and vectors, loads and stores below
 * `memoryBytes`, ifs, blocks that are left early, and loops of a few rounds if the second parameter is small. It is drawn from a list of
 * numbers, so that fast-check can make a failing one smaller: an empty list gives the empty function. No
 * operation makes a NaN, whose bits WebAssembly leaves open.
 */
import { Builder } from "../../../src/cpu/ir/builder";
import type { FunctionBody, Label, Value, ValueType } from "../../../src/cpu/ir/ir";

export const memoryBytes = 256;

const i32Binary = ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_u"];
const comparisons = ["eq", "ne", "lt_s", "lt_u", "gt_u", "ge_s", "le_u"];
const types = ["i32", "i32", "f32", "v128"] as const;

export function randomFunction(choices: readonly number[]): FunctionBody {
  const b = new Builder("random", ["i32", "i32", "f32"]);
  let at = 0;
  const draw = (limit: number): number => (choices[at++] ?? 0) % limit;
  const zeros: Record<string, Value> = {
    i32: b.i32(1),
    f32: b.f32(1.5),
    v128: b.f32x4(1, 2, 3, 4),
  };
  let scope: Value[] = [...b.parameters];
  const targets: { label: Label; types: readonly ValueType[] }[] = [];

  const pick = (type: ValueType): Value => {
    const candidates = scope.filter((value) => value.type === type);
    const n = draw(candidates.length + 1);
    return candidates[candidates.length - 1 - n] ?? zeros[type]!;
  };
  const truth = (): Value => b.pure(`i32.${comparisons[draw(7)]}`, [pick("i32"), pick("i32")]);
  /** An index that is often linear in the counters around. */
  const index = (): Value => {
    const sum = b.pure("i32.add", [pick("i32"), pick("i32")]);
    switch (draw(4)) {
      case 0:
        return sum;
      case 1:
        return b.pure("i32.add", [b.pure("i32.mul", [pick("i32"), b.i32(draw(5))]), sum]);
      case 2:
        return b.pure("i32.add", [sum, b.i32(draw(9) - 4)]);
      default:
        return b.pure("i32.add", [b.pure("i32.mul", [pick("i32"), pick("i32")]), b.i32(draw(4))]);
    }
  };
  const word = (): Value => {
    if (draw(2)) return b.pure("i32.and", [pick("i32"), b.i32(memoryBytes / 2 - 1)]);
    const last = draw(2) ? b.i32(draw(32)) : b.pure("i32.and", [pick("i32"), b.i32(31)]);
    return b.pure("i32.shl", [b.pure("index.clamp", [index(), last]), b.i32(2)]);
  };
  const pureValue = (): Value => {
    switch (draw(10)) {
      case 0:
        return b.i32(draw(1000) - 500);
      case 1:
      case 2:
        return b.pure(`i32.${i32Binary[draw(8)]}`, [pick("i32"), pick("i32")]);
      case 3:
        return draw(2)
          ? b.pure("f32.add", [pick("f32"), pick("f32")])
          : b.pure("f32.mul", [pick("f32"), b.f32(0.5)]);
      case 4:
        return b.pure(draw(2) ? "i32x4.mul" : "v128.xor", [pick("v128"), pick("v128")]);
      case 5:
        return draw(2) ? b.pure("i32x4.add", [pick("v128"), pick("v128")]) : truth();
      case 6: {
        const type = types[draw(4)]!;
        return b.pure("select", [pick(type), pick(type), pick("i32")]);
      }
      case 7:
        return draw(2)
          ? b.pure("i32x4.extract_lane", [pick("v128")], draw(4))
          : b.pure("f32.convert_i32_s", [pick("i32")]);
      case 8:
        return draw(2)
          ? b.pure("f32x4.splat", [pick("f32")])
          : b.pure("i32x4.splat", [pick("i32")]);
      default:
        return b.pure("index.clamp", [pick("i32"), pick("i32")]);
    }
  };
  const inside = <T>(body: () => T): T => {
    const outer = scope;
    scope = [...outer];
    const result = body();
    scope = outer;
    return result;
  };
  const someTypes = (): ValueType[] => Array.from({ length: draw(3) }, () => types[draw(4)]!);
  const pickAll = (wanted: readonly ValueType[]): Value[] => wanted.map(pick);

  /** Gives false if it ended in a branch. */
  const statements = (depth: number): boolean => {
    const count = 1 + draw(depth === 0 ? 20 : 6);
    for (let n = 0; n < count && at < choices.length; n++) {
      const kind = draw(depth < 3 ? 13 : 8);
      if (kind < 4) scope.push(pureValue());
      else if (kind === 4) {
        const type = draw(2) ? "i32" : "v128";
        scope.push(b.load(`${type}.load`, word(), 4 * draw(3)));
      } else if (kind < 7) {
        const type = types[draw(4)]!;
        b.store(`${type}.store`, word(), pick(type), 4 * draw(3));
      } else if (kind === 7) {
        if (targets.length === 0) continue;
        const target = targets[draw(targets.length)]!;
        const conditional = draw(4) > 0;
        b.branch(target.label, pickAll(target.types), conditional ? truth() : null);
        if (!conditional) return false;
      } else if (kind < 10) {
        const wanted = someTypes();
        const arm = () => inside(() => (statements(depth + 1) ? pickAll(wanted) : null));
        const results = b.if(draw(3) ? truth() : pick("i32"), wanted, arm, arm);
        if (!results) return false;
        scope.push(...results);
      } else if (kind === 10) {
        const wanted = someTypes();
        const phis = b.block(wanted, (label) => {
          targets.push({ label, types: wanted });
          const values = inside(() => (statements(depth + 1) ? pickAll(wanted) : null));
          targets.pop();
          return values;
        });
        scope.push(...phis);
      } else loop(depth);
    }
    return true;
  };

  const loop = (depth: number): void => {
    const carried = someTypes();
    const bounds = [b.i32(draw(5)), b.parameters[1]!, b.pure("i32.and", [pick("i32"), b.i32(7)])];
    const bound = bounds[draw(3)]!;
    const starts = [b.i32(0), b.i32(draw(3)), b.pure("i32.and", [pick("i32"), b.i32(3)])];
    const start = starts[draw(3)]!;
    const step = b.i32(1 + (draw(3) ? 0 : draw(3)));
    const relation = `i32.${["lt_u", "lt_s", "le_u", "le_s"][draw(4)]}`;
    const atEnd = draw(2) === 1;
    const phis = b.block(carried, (done) => {
      b.loop([start, ...pickAll(carried)], (again, [i, ...state]) => {
        inside(() => {
          scope.push(i!, ...state);
          const next = b.pure("i32.add", [i!, step]);
          const inRange = b.pure(relation, [atEnd ? next : i!, bound]);
          if (!atEnd) b.branch(done, state, b.pure("i32.eqz", [inRange]));
          targets.push({ label: done, types: carried });
          if (statements(depth + 1))
            b.branch(again, [next, ...pickAll(carried)], atEnd ? inRange : null);
          targets.pop();
        });
      });
      return atEnd ? pickAll(carried) : null;
    });
    scope.push(...phis);
  };

  if (statements(0)) b.return(pick("i32"));
  else b.return(b.i32(0));
  return b.finish("i32");
}
