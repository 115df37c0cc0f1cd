/**
 * A checked program in a notation that shows what the checker wrote out: `load(x)` is a load, `f32 <- e` a
 * conversion, `f32 == e` a bitcast, and every constant carries its type.
 */
import type {
  Constant,
  Expression,
  FunctionDefinition,
  Place,
  Statement,
} from "../../../src/cpu/wgsl/program";
import { type StructType, type Type, typeName } from "../../../src/cpu/wgsl/types";

const letters = "xyzw";

function constantText(type: Type, value: Constant): string {
  if (typeof value !== "object") return `${value}:${typeName(type)}`;
  return `[${value.flat(3).join(" ")}]:${typeName(type)}`;
}

const memberText = (type: Type, index: number): string => (type as StructType).members[index]!.name;

export function placeText(place: Place): string {
  switch (place.kind) {
    case "variable":
      return place.variable.name;
    case "dereference":
      return `(*${expressionText(place.pointer)})`;
    case "element":
      return `${placeText(place.of)}[${expressionText(place.index)}]`;
    case "member":
      return `${placeText(place.of)}.${memberText(place.of.type, place.index)}`;
  }
}

export function expressionText(node: Expression): string {
  switch (node.kind) {
    case "constant":
      return constantText(node.type, node.value);
    case "name":
      return node.variable.name;
    case "load":
      return `load(${placeText(node.place)})`;
    case "addressOf":
      return `&${placeText(node.place)}`;
    case "element":
      return `${expressionText(node.of)}[${expressionText(node.index)}]`;
    case "member":
      return `${expressionText(node.of)}.${memberText(node.of.type, node.index)}`;
    case "swizzle":
      return `${expressionText(node.of)}.${node.components.map((k) => letters[k]).join("")}`;
    case "unary":
      return `${node.operator}${expressionText(node.operand)}`;
    case "binary":
    case "logical":
      return `(${expressionText(node.left)} ${node.operator} ${expressionText(node.right)})`;
    case "call":
      return `${node.fn.name}(${node.args.map(expressionText).join(", ")})`;
    case "builtin":
      return `${node.name}(${node.args.map(expressionText).join(", ")})`;
    case "construct":
      return `${typeName(node.type)}(${node.args.map(expressionText).join(", ")})`;
    case "convert":
      return `(${typeName(node.type)} <- ${expressionText(node.operand)})`;
    case "bitcast":
      return `(${typeName(node.type)} == ${expressionText(node.operand)})`;
  }
}

const blockText = (body: readonly Statement[]): string =>
  body.length === 0 ? "{}" : `{ ${body.map(statementText).join("; ")} }`;

export function statementText(node: Statement): string {
  switch (node.kind) {
    case "block":
      return blockText(node.body);
    case "var": {
      const { name, type } = node.variable;
      return `var ${name}: ${typeName(type)}${node.init ? ` = ${expressionText(node.init)}` : ""}`;
    }
    case "let":
      return `let ${node.variable.name} = ${expressionText(node.value)}`;
    case "assign":
      return `${placeText(node.place)} ${node.operator ?? ""}= ${expressionText(node.value)}`;
    case "evaluate":
      return expressionText(node.value);
    case "if":
      return `if ${expressionText(node.condition)} ${blockText(node.whenTrue)} else ${blockText(node.whenFalse)}`;
    case "loop": {
      const head = node.condition ? `loop while ${expressionText(node.condition)}` : "loop";
      const end = node.breakIf ? ` break if ${expressionText(node.breakIf)}` : "";
      return `${head} ${blockText(node.body)} continuing ${blockText(node.continuing)}${end}`;
    }
    case "switch":
      return `switch ${expressionText(node.selector)} ${node.clauses
        .map(
          ({ values, isDefault, body }) =>
            `${[...values, ...(isDefault ? ["default"] : [])].join(" ")}: ${blockText(body)}`,
        )
        .join(" ")}`;
    case "return":
      return node.value ? `return ${expressionText(node.value)}` : "return";
    default:
      return node.kind;
  }
}

export const functionText = (fn: FunctionDefinition): string =>
  fn.body.map(statementText).join("; ");
