/**
 * The text of a function in the intermediate form, for tests and for reading. Each value gets a name where
 * it is first needed, so equal graphs give equal texts.
 */
import type { FunctionBody, Item, Label, Region, Value } from "./ir";

export function printFunction(body: FunctionBody): string {
  const lines: string[] = [];
  const names = new Map<Value, string>();
  const labels = new Map<Label, string>();
  let indent = "";
  const line = (text: string): void => {
    lines.push(indent + text);
  };
  const define = (value: Value): string => {
    const name = `v${names.size}`;
    names.set(value, name);
    return name;
  };
  const instruction = (value: Value): string => {
    const parts = [value.callee ? `call ${value.callee.name}` : value.op];
    if (value.immediate instanceof Uint8Array) parts.push(`[${value.immediate.join(" ")}]`);
    else if (Object.is(value.immediate, -0)) parts.push("-0");
    else if (value.immediate !== null) parts.push(`${value.immediate}`);
    return [...parts, ...value.args.map(use)].join(" ");
  };
  const use = (value: Value): string => {
    const name = names.get(value);
    if (name) return name;
    if (value.args.length === 0 && value.op.endsWith(".const")) return `(${instruction(value)})`;
    const text = instruction(value);
    const fresh = define(value);
    line(`${fresh} = ${text}`);
    return fresh;
  };
  const list = (values: readonly Value[] | null): string =>
    values ? values.map(use).join(", ") : "unreachable";
  const region = (inner: Region, values?: readonly Value[] | null): void => {
    const outer = indent;
    indent += "  ";
    for (const item of inner.items) printItem(item);
    if (values === null || values?.length) line(`end ${list(values)}`);
    indent = outer;
  };
  const head = (keyword: string, label: Label): string => {
    const name = `L${labels.size}`;
    labels.set(label, name);
    return `${keyword} ${name}`;
  };
  const printItem = (item: Item): void => {
    switch (item.kind) {
      case "value":
        line(`${define(item.value)} = ${instruction(item.value)} here`);
        return;
      case "store":
        line(`${item.op} ${item.offset}/${item.lane} ${use(item.address)} ${use(item.value)}`);
        return;
      case "fence":
        line("fence");
        return;
      case "if":
        line(`if ${use(item.condition)}`);
        region(item.whenTrue, item.trueValues);
        line("else");
        region(item.whenFalse, item.falseValues);
        line(`then ${item.results.map(define).join(", ")}`);
        return;
      case "block":
        line(head("block", item.label));
        region(item.body, item.values);
        line(`then ${item.label.phis.map(define).join(", ")}`);
        return;
      case "loop":
        {
          const initial = list(item.initial);
          const text = head("loop", item.label);
          line(`${text} ${item.label.phis.map(define).join(", ")} from ${initial}`);
        }
        region(item.body);
        return;
      case "branch": {
        const condition = item.condition ? ` if ${use(item.condition)}` : "";
        line(`branch ${labels.get(item.label)}${condition} ${list(item.values)}`.trimEnd());
        return;
      }
      case "return":
        line(`return ${item.value ? use(item.value) : ""}`.trimEnd());
        return;
    }
  };
  const parameters = body.parameters.map((p) => `${define(p)}: ${p.type}`).join(", ");
  line(`${body.name}(${parameters})${body.result ? ` -> ${body.result}` : ""}`);
  region(body.body);
  return lines.join("\n");
}
