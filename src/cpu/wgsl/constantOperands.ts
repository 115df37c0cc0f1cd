/**
 * Errors that show in constant operands though the expression itself is not constant: `x / 0u`, `x << 40u`,
 * `clamp(x, 2, 1)`.
 */
import type { ConstantValue } from "./constants";
import { constantAs, isConstant, type Operand } from "./operand";
import type { BinaryOperator, Position } from "./program";
import { fail, type Scope } from "./scope";
import { f16, i32, type Type, typeName, u32 } from "./types";

const componentsOf = (value: ConstantValue): readonly ConstantValue[] =>
  typeof value === "object" ? value : [value];

const elementOf = (type: Type): Type => (type.kind === "vector" ? type.element : type);

/** Fails if the right operand of / or %, or of a shift, is a constant that the left cannot take. */
export function requireValidRight(
  scope: Scope,
  at: Position,
  operator: BinaryOperator,
  right: Operand,
  type: Type,
): void {
  const divides = operator === "/" || operator === "%";
  const shifts = operator === "<<" || operator === ">>";
  if (!(divides || shifts) || !isConstant(right) || scope.skipping > 0) return;
  const element = elementOf(type);
  if (element !== i32 && element !== u32) return;
  const components = componentsOf(constantAs(scope, right, type)) as readonly number[];
  if (divides && components.includes(0))
    fail(at, `The right side of ${operator} is 0. Divide by something else.`);
  if (shifts && components.some((bits) => bits >= 32))
    fail(
      at,
      `${operator} shifts by 32 bits or more. Shift by less than the 32 bits of ${typeName(element)}.`,
    );
}

/** Fails if constants among the arguments of a built-in function do not go together. */
export function requireValidArguments(
  scope: Scope,
  at: Position,
  name: string,
  args: readonly Operand[],
  types: readonly Type[],
): void {
  if (scope.skipping > 0) return;
  const constants = (k: number): readonly number[] | null =>
    isConstant(args[k]!)
      ? (componentsOf(constantAs(scope, args[k]!, types[k]!)) as readonly number[])
      : null;
  switch (name) {
    case "clamp": {
      const [low, high] = [constants(1), constants(2)];
      if (low && high && low.some((x, k) => x > high[k]!))
        fail(at, "clamp has a lower bound above the upper one. Swap them.");
      break;
    }
    case "extractBits":
    case "insertBits": {
      const [offset, count] = [constants(args.length - 2), constants(args.length - 1)];
      if (offset && count && offset[0]! + count[0]! > 32)
        fail(at, `${name} reaches beyond bit 31. Keep offset + count at most 32.`);
      break;
    }
    case "smoothstep": {
      const [low, high] = [constants(0), constants(1)];
      if (low && high && low.some((x, k) => x === high[k]))
        fail(at, "smoothstep has two equal edges. Move one.");
      break;
    }
    case "subgroupShuffle":
    case "subgroupShuffleXor": {
      const lane = constants(1)?.[0] ?? 0;
      if (lane < 0 || lane > 127) fail(at, `${name} has lane ${lane}; lanes are 0 to 127.`);
      break;
    }
    case "ldexp": {
      const largest = elementOf(types[0]!) === f16 ? 16 : 128;
      if (constants(1)?.some((exponent) => exponent > largest))
        fail(at, `The exponent of ldexp is above ${largest}.`);
      break;
    }
  }
}
