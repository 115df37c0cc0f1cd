/**
 * Barriers are reached by all invocations of a workgroup together, or the program is refused (WGSL,
 * "Uniformity analysis"). For each function a graph says what may differ because of what: an edge leads from
 * a value, or from a point of control flow, to all that decides it. A graph ends in leaves: the start of the
 * function, its parameters, and what does differ, such as local_invocation_index. A barrier needs a control
 * flow from which no such leaf can be reached. What it needs of the function's callers is kept in a summary.
 *
 * Subgroup operations need the same within a subgroup only, unless a diagnostic filter turns the rule
 * `subgroup_uniformity` down.
 */
import { alwaysGoesOn, reachesEnd } from "./behaviour";
import type {
  BuiltinValue,
  CheckedProgram,
  DiagnosticRange,
  EntryPoint,
  Expression,
  FunctionDefinition,
  GlobalVariable,
  Place,
  Position,
  Statement,
  Variable,
} from "./program";
import { ShaderError } from "./shaderError";

/** The invocations that must agree. */
type Scope = "workgroup" | "subgroup";
const scopes: readonly Scope[] = ["workgroup", "subgroup"];

/** What the rest depends on. */
type Leaf =
  /** The control flow from which the function is called. */
  | { readonly kind: "start" }
  | { readonly kind: "argument" | "contents"; readonly index: number }
  /** Differs between invocations of a subgroup, or (`within` workgroup) only between subgroups. */
  | { readonly kind: "varying"; readonly within: Scope; readonly text: string };

interface Node {
  readonly edges: Node[];
  readonly leaf: Leaf | null;
  /** A statement that parts the invocations. */
  readonly branch: { readonly kind: string; readonly at: Position } | null;
}

const nodeTo = (...edges: Node[]): Node => ({ edges, leaf: null, branch: null });
const leafNode = (leaf: Leaf): Node => ({ edges: [], leaf, branch: null });
const branchOn = (kind: string, at: Position, condition: Node): Node => ({
  edges: [condition],
  leaf: null,
  branch: { kind, at },
});

/** What must be uniform: a call or an argument of a built-in function. */
interface Requirement {
  readonly text: string;
  readonly at: Position;
}

interface Summary {
  /** What the callers must make uniform, and for what. */
  readonly required: Readonly<Record<Scope, ReadonlyMap<Leaf, Requirement>>>;
  /** What decides the result. */
  readonly result: readonly Leaf[];
  /** What decides the contents of each pointer parameter at the end. */
  readonly contents: readonly (readonly Leaf[])[];
}

/** The nodes of what each variable holds at a point of the program. */
type Values = Map<Variable, Node>;

/** Where the jumps of a loop or switch take the values. */
interface Target {
  readonly breaks: Values[];
  /** Null: a switch. */
  readonly continues: Values[] | null;
}

/** The variable that a pointer points into. */
interface Root {
  readonly variable: Variable | GlobalVariable;
  /** Not the whole variable: a write leaves the rest as it was. */
  readonly isPart: boolean;
}

const uniformInputs: ReadonlySet<BuiltinValue> = new Set<BuiltinValue>([
  "workgroup_id",
  "num_workgroups",
  "num_subgroups",
  "subgroup_size",
]);

/** Subgroup operations that give the whole subgroup one result if their arguments are the same. */
const sharedResult =
  /^subgroup(Add|Mul|Max|Min|And|Or|Xor|All|Any|Ballot|Broadcast|BroadcastFirst)$/;
const distanceIsUniform = /^subgroupShuffle(Up|Down|Xor)$/;

const isGlobal = (variable: Variable | GlobalVariable): variable is GlobalVariable =>
  "space" in variable;

/** Null: uniform. */
function inputLeaf(input: BuiltinValue | readonly BuiltinValue[]): Leaf | null {
  const differing = [input].flat().filter((name) => !uniformInputs.has(name));
  const worst = differing.find((name) => name !== "subgroup_id") ?? differing[0];
  return worst === undefined
    ? null
    : {
        kind: "varying",
        within: worst === "subgroup_id" ? "workgroup" : "subgroup",
        text: worst,
      };
}

/** A variable that has no node at some of the ends was declared on the way: no one uses it after. */
function merged(ends: readonly Values[]): Values {
  const [first, ...rest] = ends;
  const result: Values = new Map(first);
  for (const end of rest) {
    for (const [variable, value] of end) {
      const other = result.get(variable);
      if (other !== value) result.set(variable, other ? nodeTo(other, value) : value);
    }
  }
  return result;
}

class FunctionAnalysis {
  private values: Values = new Map();
  private readonly pointers = new Map<Variable, Root & { readonly value: Node }>();
  private readonly targets: Target[] = [];
  private readonly requirements = new Map<Node, { scope: Scope; requirement: Requirement }>();
  private readonly result = nodeTo();
  /** Of the pointer parameters, by index. */
  private readonly contentsAtEnd: Node[];

  constructor(
    private readonly fn: FunctionDefinition,
    private readonly summaries: ReadonlyMap<FunctionDefinition, Summary>,
    private readonly diagnostics: readonly DiagnosticRange[],
    entry: EntryPoint | null,
  ) {
    const start = leafNode({ kind: "start" });
    this.contentsAtEnd = fn.parameters.map(() => nodeTo());
    fn.parameters.forEach((parameter, index) => {
      const input = entry && inputLeaf(entry.inputs[index]!);
      const value = entry
        ? input
          ? leafNode(input)
          : start
        : leafNode({ kind: "argument", index });
      if (parameter.type.kind === "pointer") {
        this.pointers.set(parameter, { variable: parameter, isPart: false, value });
        this.values.set(parameter, leafNode({ kind: "contents", index }));
      } else {
        this.values.set(parameter, value);
      }
    });
    this.sequence(start, fn.body);
    if (reachesEnd(fn.body)) this.leave();
  }

  /** @throws ShaderError if something that must be uniform is not */
  summary(): Summary {
    return {
      required: { workgroup: this.required("workgroup"), subgroup: this.required("subgroup") },
      result: this.leaves(this.result),
      contents: this.contentsAtEnd.map((node) => this.leaves(node)),
    };
  }

  private required(scope: Scope): ReadonlyMap<Leaf, Requirement> {
    const found = new Map<Leaf, Requirement>();
    const from = new Map<Node, Node | null>();
    for (const [node, entry] of this.requirements) {
      if (entry.scope !== scope || from.has(node)) continue;
      from.set(node, null);
      const queue = [node];
      for (const each of queue) {
        const { leaf } = each;
        if (leaf?.kind === "varying" && (scope === "workgroup" || leaf.within === "subgroup"))
          this.refuse(scope, entry.requirement, leaf.text, each, from);
        if (leaf && leaf.kind !== "varying") found.set(leaf, entry.requirement);
        for (const edge of each.edges) {
          if (from.has(edge)) continue;
          from.set(edge, each);
          queue.push(edge);
        }
      }
    }
    return found;
  }

  private refuse(
    scope: Scope,
    { text, at }: Requirement,
    cause: string,
    end: Node,
    from: ReadonlyMap<Node, Node | null>,
  ): never {
    let branch: Node["branch"] = null;
    for (let node: Node | null = end; node; node = from.get(node) ?? null)
      branch = node.branch ?? branch;
    const what = branch ? `the ${branch.kind} in line ${branch.at.line}` : "it";
    const move = branch
      ? `move it to where all invocations of the ${scope} come`
      : `pass what all invocations of the ${scope} share`;
    const instead =
      scope === "workgroup"
        ? "decide by a value from workgroupUniformLoad"
        : "allow it with diagnostic(off, subgroup_uniformity)";
    throw new ShaderError(`${text}, but ${what} depends on ${cause}: ${move}, or ${instead}`, at);
  }

  /** What decides `node`; of the varying leaves of one scope, one. */
  private leaves(node: Node): Leaf[] {
    const seen = new Set([node]);
    const found = new Map<string, Leaf>();
    for (const { leaf, edges } of seen) {
      if (leaf) {
        const key = leaf.kind === "varying" ? leaf.within : "index" in leaf ? leaf.index : "";
        found.set(leaf.kind + key, leaf);
      }
      for (const edge of edges) seen.add(edge);
    }
    return [...found.values()];
  }

  // Statements: each takes the control flow before it and gives that after it.

  private sequence(flow: Node, statements: readonly Statement[]): Node {
    let after = flow;
    for (const statement of statements) {
      after = this.statement(after, statement);
      if (!reachesEnd([statement])) break;
    }
    return after;
  }

  private statement(flow: Node, statement: Statement): Node {
    switch (statement.kind) {
      case "block":
        return this.sequence(flow, statement.body);
      case "var":
        this.values.set(
          statement.variable,
          statement.init ? this.expression(flow, statement.init) : flow,
        );
        return flow;
      case "let": {
        const { variable, value } = statement;
        const node = this.expression(flow, value);
        if (variable.type.kind === "pointer")
          this.pointers.set(variable, { ...this.rootOfPointer(value), value: node });
        else this.values.set(variable, node);
        return flow;
      }
      case "assign": {
        const { place, operator, value } = statement;
        const { variable, isPart } = this.rootOf(place);
        const deciding = this.selectors(flow, place);
        if (isPart || operator) deciding.push(...this.known(variable));
        deciding.push(this.expression(flow, value));
        if (!isGlobal(variable)) this.values.set(variable, nodeTo(...deciding));
        return flow;
      }
      case "evaluate":
        this.expression(flow, statement.value);
        return flow;
      case "if":
        return this.ifStatement(flow, statement);
      case "switch":
        return this.switchStatement(flow, statement);
      case "loop":
        return this.loop(flow, statement);
      case "break":
        this.targets.at(-1)!.breaks.push(new Map(this.values));
        return flow;
      case "continue":
        this.targets.findLast(({ continues }) => continues)!.continues!.push(new Map(this.values));
        return flow;
      case "return":
        if (statement.value) this.result.edges.push(this.expression(flow, statement.value));
        this.leave();
        return flow;
    }
  }

  /** The function ends here. */
  private leave(): void {
    this.fn.parameters.forEach((parameter, index) => {
      if (parameter.type.kind === "pointer")
        this.contentsAtEnd[index]!.edges.push(...this.known(parameter));
    });
  }

  private ifStatement(flow: Node, statement: Extract<Statement, { kind: "if" }>): Node {
    const { condition, whenTrue, whenFalse, at } = statement;
    const branch = branchOn("if", at, this.expression(flow, condition));
    const before = this.values;
    const ends: Values[] = [];
    const flows = [whenTrue, whenFalse].map((body) => {
      this.values = new Map(before);
      const after = this.sequence(branch, body);
      if (reachesEnd(body)) ends.push(this.values);
      return after;
    });
    this.values = merged(ends);
    return alwaysGoesOn(statement) ? flow : nodeTo(...flows);
  }

  private switchStatement(flow: Node, statement: Extract<Statement, { kind: "switch" }>): Node {
    const { selector, clauses, at } = statement;
    const branch = branchOn("switch", at, this.expression(flow, selector));
    const before = this.values;
    const ends: Values[] = [];
    this.targets.push({ breaks: ends, continues: null });
    const flows = clauses.map(({ body }) => {
      this.values = new Map(before);
      const after = this.sequence(branch, body);
      if (reachesEnd(body)) ends.push(this.values);
      return after;
    });
    this.targets.pop();
    this.values = merged(ends);
    return alwaysGoesOn(statement) ? flow : nodeTo(...flows);
  }

  private loop(flow: Node, statement: Extract<Statement, { kind: "loop" }>): Node {
    const { condition, body, continuing, breakIf, at } = statement;
    /** Of every round: what goes around the loop is added at its end. */
    const head = nodeTo(flow);
    const atHead: Values = new Map();
    for (const [variable, value] of this.values) atHead.set(variable, nodeTo(value));
    this.values = new Map(atHead);

    const breaks: Values[] = [];
    const continues: Values[] = [];
    this.targets.push({ breaks, continues });
    let inside = head;
    if (condition) {
      inside = branchOn("condition of the loop", at, this.expression(head, condition));
      breaks.push(new Map(this.values));
    }
    inside = this.sequence(inside, body);
    if (reachesEnd(body)) continues.push(this.values);
    this.targets.pop();

    if (continues.length > 0) {
      this.values = merged(continues);
      inside = this.sequence(inside, continuing);
      if (breakIf) {
        inside = branchOn("break if", breakIf.at, this.expression(inside, breakIf));
        breaks.push(new Map(this.values));
      }
      for (const [variable, value] of atHead) value.edges.push(...this.known(variable));
    }
    head.edges.push(inside);
    this.values = merged(breaks);
    return alwaysGoesOn(statement) ? flow : head;
  }

  // Expressions: each gives the node of its value.

  private expression(flow: Node, e: Expression): Node {
    switch (e.kind) {
      case "constant":
        return flow;
      case "name":
        return nodeTo(flow, this.pointers.get(e.variable)?.value ?? this.values.get(e.variable)!);
      case "load":
        return nodeTo(
          flow,
          ...this.selectors(flow, e.place),
          ...this.known(this.rootOf(e.place).variable),
        );
      case "addressOf":
        return nodeTo(flow, ...this.selectors(flow, e.place));
      case "element":
        return nodeTo(this.expression(flow, e.of), this.expression(flow, e.index));
      case "member":
      case "swizzle":
        return this.expression(flow, e.of);
      case "unary":
      case "convert":
      case "bitcast":
        return this.expression(flow, e.operand);
      case "binary":
        return nodeTo(this.expression(flow, e.left), this.expression(flow, e.right));
      case "logical": {
        const left = this.expression(flow, e.left);
        return this.expression(branchOn(`${e.operator}`, e.at, left), e.right);
      }
      case "construct":
        return nodeTo(flow, ...e.args.map((arg) => this.expression(flow, arg)));
      case "builtin":
        return this.builtin(flow, e);
      case "call":
        return this.call(flow, e);
    }
  }

  private builtin(flow: Node, e: Extract<Expression, { kind: "builtin" }>): Node {
    const { name, at } = e;
    const args = e.args.map((arg) => this.expression(flow, arg));
    const called = { text: `${name} must be in uniform control flow`, at };
    const given = (what: string) => ({ text: `the ${what} of ${name} must be uniform`, at });
    if (name.endsWith("Barrier")) {
      this.require("workgroup", called, flow);
    } else if (name === "workgroupUniformLoad") {
      this.require("workgroup", called, flow);
      this.require("workgroup", given("pointer"), args[0]!);
      return flow;
    } else if (name.startsWith("atomic")) {
      args.push(leafNode({ kind: "varying", within: "subgroup", text: `the result of ${name}` }));
    } else if (/^(subgroup|quad)[A-Z]/.test(name)) {
      if (this.subgroupsMustAgree(at)) {
        this.require("subgroup", called, flow);
        if (distanceIsUniform.test(name))
          this.require("subgroup", given("second argument"), args[1]!);
      }
      const within = sharedResult.test(name) ? "workgroup" : "subgroup";
      args.push(leafNode({ kind: "varying", within, text: `the result of ${name}` }));
    }
    return nodeTo(flow, ...args);
  }

  private call(flow: Node, { fn, args }: Extract<Expression, { kind: "call" }>): Node {
    const values = args.map((arg) => this.expression(flow, arg));
    const roots = args.map((arg) => (arg.type.kind === "pointer" ? this.rootOfPointer(arg) : null));
    const contents = roots.map((root, i) =>
      root ? nodeTo(values[i]!, ...this.known(root.variable)) : flow,
    );
    const decidedBy = (leaf: Leaf): Node => {
      switch (leaf.kind) {
        case "start":
          return flow;
        case "argument":
          return values[leaf.index]!;
        case "contents":
          return contents[leaf.index]!;
        case "varying":
          return leafNode(leaf);
      }
    };
    const summary = this.summaries.get(fn)!;
    for (const scope of scopes)
      for (const [leaf, requirement] of summary.required[scope])
        this.require(scope, requirement, decidedBy(leaf));
    roots.forEach((root, i) => {
      if (!root || isGlobal(root.variable)) return;
      const before = root.isPart ? this.known(root.variable) : [];
      const after = summary.contents[i]!.map(decidedBy);
      this.values.set(root.variable, nodeTo(flow, ...before, ...after));
    });
    return nodeTo(flow, ...summary.result.map(decidedBy));
  }

  private require(scope: Scope, requirement: Requirement, node: Node): void {
    this.requirements.set(nodeTo(node), { scope, requirement });
  }

  private subgroupsMustAgree({ line, column }: Position): boolean {
    const range = this.diagnostics.findLast(
      ({ rule, from, to }) =>
        rule === "subgroup_uniformity" &&
        (from.line < line || (from.line === line && from.column <= column)) &&
        (line < to.line || (line === to.line && column < to.column)),
    );
    return !range || range.severity === "error";
  }

  // Places

  /** What decides which part of its root a place is. */
  private selectors(flow: Node, place: Place): Node[] {
    switch (place.kind) {
      case "variable":
        return [];
      case "dereference":
        return [this.expression(flow, place.pointer)];
      case "element":
        return [...this.selectors(flow, place.of), this.expression(flow, place.index)];
      case "member":
        return this.selectors(flow, place.of);
    }
  }

  private rootOf(place: Place): Root {
    switch (place.kind) {
      case "variable":
        return { variable: place.variable, isPart: false };
      case "dereference":
        return this.rootOfPointer(place.pointer);
      default:
        return { variable: this.rootOf(place.of).variable, isPart: true };
    }
  }

  private rootOfPointer(pointer: Expression): Root {
    if (pointer.kind === "addressOf") return this.rootOf(pointer.place);
    const root = pointer.kind === "name" ? this.pointers.get(pointer.variable) : undefined;
    if (!root)
      throw new ShaderError("a pointer here is a name or the address of a place", pointer.at);
    return { variable: root.variable, isPart: root.isPart };
  }

  /** What decides the contents of a variable; nothing if they are always uniform. */
  private known(variable: Variable | GlobalVariable): Node[] {
    if (!isGlobal(variable)) return [this.values.get(variable)!];
    if (variable.access === "read") return [];
    const text = `the variable ${variable.name}, which invocations can write`;
    return [leafNode({ kind: "varying", within: "subgroup", text })];
  }
}

/**
 * Refuses barriers in control flow that invocations of a workgroup may not share, and the like for subgroup
 * operations, in every function of the program.
 * @throws ShaderError
 */
export function checkUniformity(program: CheckedProgram): void {
  const summaries = new Map<FunctionDefinition, Summary>();
  for (const fn of program.functions) {
    const entry = program.entries.find((each) => each.fn === fn) ?? null;
    const analysis = new FunctionAnalysis(fn, summaries, program.diagnostics, entry);
    summaries.set(fn, analysis.summary());
  }
}
