/**
 * Tokens to the syntax tree, by the grammar of WGSL ("Grammar for recursive descent parsing"). The operators
 * of one expression mix only as the grammar lets them: `a & b + c` and `a < b < c` need parentheses.
 * Attributes and directives that set diagnostics become ranges of the text.
 */
import type {
  Attribute,
  Block,
  CaseClause,
  ConstAssert,
  ConstDeclaration,
  Continuing,
  Declaration,
  Expression,
  Extension,
  FunctionDeclaration,
  Identifier,
  If,
  LetDeclaration,
  SimpleStatement,
  Statement,
  TranslationUnit,
  TypedName,
  VariableDeclaration,
} from "./ast";
import { type Token, templateEnd, templateStart, tokenize } from "./lexer";
import type { BinaryOperator, DiagnosticRange, Position } from "./program";
import { ShaderError } from "./shaderError";

const bitwise = new Set(["&", "|", "^"]);
const shifts = new Set(["<<", ">>"]);
const multiplicative = new Set(["*", "/", "%"]);
const additive = new Set(["+", "-"]);
const comparisons = new Set(["==", "!=", "<", "<=", ">", ">="]);
const logical = new Set(["&&", "||"]);
const binary = new Set(
  [bitwise, shifts, multiplicative, additive, comparisons, logical].flatMap((set) => [...set]),
);
const unary = new Set(["-", "!", "~", "*", "&"]);
const compound = new Set(["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", ">>=", "<<="]);

const severities: readonly string[] = ["error", "warning", "info", "off"];

/** The fewest and the most arguments; no arguments, no parentheses. */
const attributeArguments: Readonly<Record<string, readonly [number, number]>> = {
  align: [1, 1],
  binding: [1, 1],
  blend_src: [1, 1],
  builtin: [1, 1],
  compute: [0, 0],
  fragment: [0, 0],
  group: [1, 1],
  id: [1, 1],
  interpolate: [1, 2],
  invariant: [0, 0],
  location: [1, 1],
  must_use: [0, 0],
  size: [1, 1],
  vertex: [0, 0],
  workgroup_size: [1, 3],
};

const inWords = (kind: string, text = kind): string =>
  kind === "name" || kind === "number"
    ? `the ${kind} ${text}`
    : kind === "end of text"
      ? "the end of the text"
      : `'${kind === templateStart ? "<" : kind === templateEnd ? ">" : text}'`;

/** Of statements and operands in each other: keeps the recursion well inside any stack. */
const deepest = 500;

type Range = { -readonly [key in keyof DiagnosticRange]: DiagnosticRange[key] };

class Parser {
  private index = 0;
  private nesting = 0;
  private readonly diagnostics: Range[] = [];

  constructor(private readonly tokens: readonly Token[]) {}

  private get token(): Token {
    return this.tokens[this.index]!;
  }

  private isNext(kind: string): boolean {
    return this.token.kind === kind;
  }

  private take(): Token {
    return this.tokens[this.index++]!;
  }

  private accept(kind: string): Token | null {
    return this.isNext(kind) ? this.take() : null;
  }

  private fail(expected: string): never {
    const { kind, text, at } = this.token;
    throw new ShaderError(`expected ${expected}, found ${inWords(kind, text)}`, at);
  }

  private expect(kind: string, role: string): Token {
    return this.accept(kind) ?? this.fail(kind === "name" ? role : `${inWords(kind)} ${role}`);
  }

  /** Items separated by commas, with one allowed at the end, up to `end`, which is taken. */
  private list<T>(end: string, role: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.accept(end)) {
      items.push(item());
      if (!this.accept(",") && !this.isNext(end)) this.fail(`',' or ${inWords(end)} ${role}`);
    }
    return items;
  }

  private nested<T>(inner: () => T): T {
    if (++this.nesting > deepest)
      throw new ShaderError(`nested deeper than ${deepest} levels`, this.token.at);
    const result = inner();
    this.nesting--;
    return result;
  }

  // Expressions

  private template(): Expression[] | null {
    if (!this.accept(templateStart)) return null;
    if (this.isNext(templateEnd)) this.fail("a template argument");
    return this.list(templateEnd, "after a template argument", () => this.expression());
  }

  private identifier(role: string): Identifier {
    const { text, at } = this.expect("name", role);
    return { kind: "identifier", at, name: text, template: this.template() };
  }

  private args(): Expression[] {
    this.expect("(", "before the arguments");
    return this.list(")", "after an argument", () => this.expression());
  }

  private primary(): Expression {
    const { kind, at, literal } = this.token;
    if (literal) {
      this.take();
      return literal;
    }
    switch (kind) {
      case "true":
      case "false":
        this.take();
        return { kind: "literal", at, type: "bool", value: kind === "true" };
      case "(": {
        this.take();
        const inner = this.expression();
        this.expect(")", "to close the parenthesis");
        return inner;
      }
      case "name": {
        const callee = this.identifier("a name");
        return this.isNext("(") ? { kind: "call", at, callee, args: this.args() } : callee;
      }
      default:
        return this.fail("an expression");
    }
  }

  /** `[index]` and `.name` after `of`. */
  private selections(of: Expression): Expression {
    let result = of;
    for (;;) {
      const at = this.token.at;
      if (this.accept("[")) {
        const index = this.expression();
        this.expect("]", "after the index");
        result = { kind: "index", at, of: result, index };
      } else if (this.accept(".")) {
        const name = this.expect("name", "the name of a member");
        result = { kind: "member", at: name.at, of: result, name: name.text };
      } else {
        return result;
      }
    }
  }

  private unary(): Expression {
    const { kind, at } = this.token;
    return this.nested(() => {
      if (!unary.has(kind)) return this.selections(this.primary());
      this.take();
      return { kind: "unary", at, operator: kind as "-", operand: this.unary() };
    });
  }

  /** `left` with the operator that stands here and what `right` reads after it. */
  private join(left: Expression, right: () => Expression): Expression {
    const { kind, at } = this.take();
    return { kind: "binary", at, operator: kind as BinaryOperator, left, right: right() };
  }

  private product(first: Expression): Expression {
    let left = first;
    while (multiplicative.has(this.token.kind)) left = this.join(left, () => this.unary());
    return left;
  }

  private relation(first: Expression): Expression {
    const operand = (start: Expression): Expression => {
      if (shifts.has(this.token.kind)) return this.join(start, () => this.unary());
      let left = this.product(start);
      while (additive.has(this.token.kind))
        left = this.join(left, () => this.product(this.unary()));
      return left;
    };
    const left = operand(first);
    return comparisons.has(this.token.kind) ? this.join(left, () => operand(this.unary())) : left;
  }

  private expression(): Expression {
    let left = this.unary();
    const first = this.token.kind;
    if (bitwise.has(first)) {
      while (this.isNext(first)) left = this.join(left, () => this.unary());
    } else {
      left = this.relation(left);
      const { kind } = this.token;
      if (logical.has(kind))
        while (this.isNext(kind)) left = this.join(left, () => this.relation(this.unary()));
    }
    const { kind, at } = this.token;
    if (binary.has(kind) && left.kind === "binary")
      throw new ShaderError(`${left.operator} and ${kind} do not mix: add parentheses`, at);
    return left;
  }

  // Attributes and diagnostics

  /** `(severity, rule)`, from here to a place that is not known yet. */
  private diagnostic(from: Position): Range {
    this.expect("(", "before the severity");
    const severity = this.expect("name", `one of ${severities.join(", ")}`);
    if (!severities.includes(severity.text))
      throw new ShaderError(`${severity.text} is none of ${severities.join(", ")}`, severity.at);
    this.expect(",", "before the rule");
    let rule = this.expect("name", "the name of a rule").text;
    if (this.accept(".")) rule += `.${this.expect("name", "the name of a rule").text}`;
    this.accept(",");
    this.expect(")", "after the rule");
    return { severity: severity.text as Range["severity"], rule, from, to: from };
  }

  private addDiagnostic(ranges: Range[], from: Position): void {
    const { at } = this.token;
    const range = this.diagnostic(from);
    for (const { rule, severity } of ranges)
      if (rule === range.rule && severity !== range.severity)
        throw new ShaderError(`${rule} is already set to ${severity}`, at);
    ranges.push(range);
  }

  /** What follows some attributes, with the ranges of those that set diagnostics around it. */
  private ranged<T>(ranges: readonly Range[], inner: () => T): T {
    this.diagnostics.push(...ranges);
    const result = inner();
    for (const range of ranges) range.to = this.token.at;
    return result;
  }

  private attributes(): { readonly attributes: Attribute[]; readonly ranges: Range[] } {
    const attributes: Attribute[] = [];
    const ranges: Range[] = [];
    for (let start = this.accept("@"); start; start = this.accept("@")) {
      if (this.accept("diagnostic")) {
        this.addDiagnostic(ranges, start.at);
        continue;
      }
      const { text: name, at } = this.expect("name", "the name of an attribute");
      const takes = Object.hasOwn(attributeArguments, name) ? attributeArguments[name] : null;
      if (!takes) throw new ShaderError(`@${name} is not an attribute of WGSL`, at);
      if (attributes.some((attribute) => attribute.name === name))
        throw new ShaderError(`@${name} stands here twice`, at);
      const [fewest, most] = takes;
      const args = this.isNext("(") ? this.args() : null;
      const count = args?.length ?? 0;
      if (count < fewest || count > most || (args && most === 0))
        throw new ShaderError(
          most === 0
            ? `@${name} takes no parentheses`
            : `@${name} takes ${fewest === most ? fewest : `${fewest} to ${most}`} arguments, not ${count}`,
          at,
        );
      attributes.push({ name, at, args });
    }
    return { attributes, ranges };
  }

  /** Attributes where only diagnostics may stand. */
  private diagnosticAttributes(): Range[] {
    const { attributes, ranges } = this.attributes();
    if (attributes[0])
      throw new ShaderError(`@${attributes[0].name} cannot stand here`, attributes[0].at);
    return ranges;
  }

  // Statements

  /** Up to a closing brace, a continuing block or `break if`. */
  private statements(): Statement[] {
    const body: Statement[] = [];
    while (!this.isNext("}") && !this.isNext("continuing")) {
      const isBreakIf = this.isNext("break") && this.tokens[this.index + 1]!.kind === "if";
      if (isBreakIf) break;
      const statement = this.statement();
      if (statement) body.push(statement);
    }
    return body;
  }

  private closeBlock(): void {
    if (this.isNext("break"))
      throw new ShaderError(
        "'break if' stands only at the end of a continuing block",
        this.token.at,
      );
    this.expect("}", "after the statements");
  }

  private braces(): Block {
    const { at } = this.expect("{", "before the statements");
    const body = this.statements();
    this.closeBlock();
    return { kind: "block", at, body };
  }

  private block(): Block {
    return this.ranged(this.diagnosticAttributes(), () => this.braces());
  }

  private statement(): Statement | null {
    return this.nested(() => this.anyStatement());
  }

  /** Null for a semicolon alone. */
  private anyStatement(): Statement | null {
    if (this.isNext("@")) {
      const ranges = this.diagnosticAttributes();
      if (!["{", "if", "switch", "loop", "for", "while"].includes(this.token.kind))
        this.fail("a block, if, switch, loop, for or while after the attribute");
      return this.ranged(ranges, () => this.statement());
    }
    const { kind, at } = this.token;
    switch (kind) {
      case ";":
        this.take();
        return null;
      case "{":
        return this.braces();
      case "if":
        return this.ifStatement();
      case "switch":
        return this.switchStatement();
      case "loop":
        return this.loopStatement();
      case "for":
        return this.forStatement();
      case "while":
        this.take();
        return { kind, at, condition: this.expression(), body: this.block() };
      case "break":
      case "continue":
      case "discard":
        this.take();
        this.expect(";", `after '${kind}'`);
        return { kind, at };
      case "return": {
        this.take();
        const value = this.isNext(";") ? null : this.expression();
        this.expect(";", "after 'return'");
        return { kind, at, value };
      }
      default: {
        const statement = this.simpleStatement() ?? this.fail("a statement");
        this.expect(";", "after the statement");
        return statement;
      }
    }
  }

  private simpleStatement():
    | VariableDeclaration
    | ConstDeclaration
    | LetDeclaration
    | ConstAssert
    | SimpleStatement
    | null {
    switch (this.token.kind) {
      case "var":
        return this.variable([]);
      case "let":
      case "const":
        return this.namedValue();
      case "const_assert":
        return this.constAssert();
      default:
        return this.update();
    }
  }

  private update(): SimpleStatement | null {
    const { kind, at } = this.token;
    if (kind === "_") {
      this.take();
      this.expect("=", "after '_'");
      return { kind: "assign", at, target: null, operator: null, value: this.expression() };
    }
    const following = this.tokens[this.index + 1]?.kind;
    if (kind === "name" && (following === "(" || following === templateStart)) {
      const callee = this.identifier("a name");
      return { kind: "call", at, call: { kind: "call", at, callee, args: this.args() } };
    }
    if (kind !== "name" && kind !== "*" && kind !== "&" && kind !== "(") return null;
    const target = this.target();
    if (this.accept("++")) return { kind: "increment", at, target, by: 1 };
    if (this.accept("--")) return { kind: "increment", at, target, by: -1 };
    const assignment = this.token;
    if (!compound.has(assignment.kind) && !this.isNext("=")) this.fail("an assignment or a call");
    this.take();
    const operator = assignment.kind.slice(0, -1);
    return {
      kind: "assign",
      at,
      target,
      operator: operator ? (operator as BinaryOperator) : null,
      value: this.expression(),
    };
  }

  /** What an assignment may write to: no calls, no operators but `*` and `&`. */
  private target(): Expression {
    return this.nested(() => this.anyTarget());
  }

  private anyTarget(): Expression {
    const { kind, at } = this.token;
    if (kind === "*" || kind === "&") {
      this.take();
      return { kind: "unary", at, operator: kind, operand: this.target() };
    }
    if (this.accept("(")) {
      const inner = this.target();
      this.expect(")", "to close the parenthesis");
      return this.selections(inner);
    }
    const { text } = this.expect("name", "a variable to assign to");
    return this.selections({ kind: "identifier", at, name: text, template: null });
  }

  private ifStatement(): If {
    const { at } = this.take();
    const condition = this.expression();
    const whenTrue = this.block();
    let whenFalse: Block | If | null = null;
    if (this.accept("else"))
      whenFalse = this.isNext("if") ? this.nested(() => this.ifStatement()) : this.block();
    return { kind: "if", at, condition, whenTrue, whenFalse };
  }

  private switchStatement(): Statement {
    const { at } = this.take();
    const selector = this.expression();
    return this.ranged(this.diagnosticAttributes(), () => {
      this.expect("{", "before the clauses");
      const clauses: CaseClause[] = [];
      while (!this.accept("}")) clauses.push(this.clause());
      const defaults = clauses.filter((clause) => clause.selectors.includes(null)).length;
      if (defaults !== 1)
        throw new ShaderError(`a switch has one default clause, this one has ${defaults}`, at);
      return { kind: "switch", at, selector, clauses };
    });
  }

  private clause(): CaseClause {
    const { at } = this.token;
    const selectors: (Expression | null)[] = [];
    if (this.accept("default")) selectors.push(null);
    else {
      this.accept("case") ?? this.fail("'case', 'default' or '}'");
      do selectors.push(this.accept("default") ? null : this.expression());
      while (this.accept(",") && !this.isNext(":") && !this.isNext("{") && !this.isNext("@"));
    }
    this.accept(":");
    return { at, selectors, body: this.block() };
  }

  private loopStatement(): Statement {
    const { at } = this.take();
    return this.ranged(this.diagnosticAttributes(), () => {
      this.expect("{", "before the statements");
      const body = this.statements();
      const continuing = this.isNext("continuing") ? this.continuing() : null;
      this.closeBlock();
      return { kind: "loop", at, body, continuing };
    });
  }

  private continuing(): Continuing {
    const { at } = this.take();
    return this.ranged(this.diagnosticAttributes(), () => {
      this.expect("{", "before the statements");
      const body = this.statements();
      let breakIf: Expression | null = null;
      if (this.accept("break")) {
        this.expect("if", "after 'break'");
        breakIf = this.expression();
        this.expect(";", "after 'break if'");
      }
      this.closeBlock();
      return { at, body, breakIf };
    });
  }

  private forStatement(): Statement {
    const { at } = this.take();
    this.expect("(", "after 'for'");
    const init = this.isNext(";") ? null : this.simpleStatement();
    if (init?.kind === "const_assert")
      throw new ShaderError("const_assert cannot stand in the head of a for", init.at);
    this.expect(";", "after the first part of the for");
    const condition = this.isNext(";") ? null : this.expression();
    this.expect(";", "after the condition of the for");
    const update = this.isNext(")") ? null : this.update();
    this.expect(")", "after the head of the for");
    return { kind: "for", at, init, condition, update, body: this.block() };
  }

  // Declarations

  private optionalType(): Identifier | null {
    return this.accept(":") ? this.identifier("a type") : null;
  }

  private variable(attributes: readonly Attribute[]): VariableDeclaration {
    this.take();
    const template = this.template();
    const { text: name, at } = this.expect("name", "the name of the variable");
    const type = this.optionalType();
    const init = this.accept("=") ? this.expression() : null;
    return { kind: "var", at, name, template, type, init, attributes };
  }

  private namedValue(): ConstDeclaration | LetDeclaration {
    const kind = this.take().kind as "let" | "const";
    const { text: name, at } = this.expect("name", `the name of the ${kind}`);
    const type = this.optionalType();
    this.expect("=", `after the name or type of the ${kind}`);
    return { kind, at, name, type, value: this.expression() };
  }

  private constAssert(): ConstAssert {
    const { at } = this.take();
    return { kind: "const_assert", at, condition: this.expression() };
  }

  private typedName(role: string): TypedName {
    const attributes = this.plainAttributes();
    const { text: name, at } = this.expect("name", role);
    this.expect(":", "before the type");
    return { name, at, attributes, type: this.identifier("a type") };
  }

  /** Attributes where no diagnostics may stand. */
  private plainAttributes(): Attribute[] {
    const { attributes, ranges } = this.attributes();
    if (ranges[0]) throw new ShaderError("@diagnostic cannot stand here", ranges[0].from);
    return attributes;
  }

  private structDeclaration(): Declaration {
    this.take();
    const { text: name, at } = this.expect("name", "the name of the struct");
    this.expect("{", "before the members");
    if (this.isNext("}")) this.fail("a member of the struct");
    const members = this.list("}", "after a member", () => this.typedName("the name of a member"));
    return { kind: "struct", at, name, members };
  }

  private functionDeclaration(attributes: readonly Attribute[]): FunctionDeclaration {
    this.take();
    const { text: name, at } = this.expect("name", "the name of the function");
    this.expect("(", "before the parameters");
    const parameters = this.list(")", "after a parameter", () =>
      this.typedName("the name of a parameter"),
    );
    const hasResult = this.accept("->") !== null;
    const resultAttributes = hasResult ? this.plainAttributes() : [];
    const result = hasResult ? this.identifier("the type of the result") : null;
    return {
      kind: "fn",
      at,
      name,
      attributes,
      parameters,
      result,
      resultAttributes,
      body: this.block(),
    };
  }

  private declaration(): Declaration {
    const { attributes, ranges } = this.attributes();
    const { kind } = this.token;
    if (kind === "fn") return this.ranged(ranges, () => this.functionDeclaration(attributes));
    if (ranges[0]) throw new ShaderError("@diagnostic cannot stand here", ranges[0].from);
    if (attributes[0] && kind !== "var" && kind !== "override")
      this.fail("'fn', 'var' or 'override' after an attribute");
    const declaration = this.valueDeclaration(attributes);
    if (declaration.kind !== "struct") this.expect(";", "after the declaration");
    return declaration;
  }

  private valueDeclaration(attributes: readonly Attribute[]): Declaration {
    switch (this.token.kind) {
      case "struct":
        return this.structDeclaration();
      case "const":
        return this.namedValue() as ConstDeclaration;
      case "const_assert":
        return this.constAssert();
      case "var":
        return this.variable(attributes);
      case "alias": {
        this.take();
        const { text: name, at } = this.expect("name", "the name of the alias");
        this.expect("=", "after the name of the alias");
        return { kind: "alias", at, name, type: this.identifier("a type") };
      }
      case "override": {
        this.take();
        const { text: name, at } = this.expect("name", "the name of the override");
        const type = this.optionalType();
        const init = this.accept("=") ? this.expression() : null;
        return { kind: "override", at, name, type, init, attributes };
      }
      case "enable":
      case "requires":
      case "diagnostic":
        throw new ShaderError("directives come before all declarations", this.token.at);
      default:
        return this.fail("a declaration");
    }
  }

  private directives(): Extension[] {
    const extensions: Extension[] = [];
    for (;;) {
      const { kind } = this.token;
      if (this.accept("diagnostic")) {
        this.addDiagnostic(this.diagnostics, { line: 1, column: 1 });
        this.expect(";", "after the directive");
      } else if (kind === "enable" || kind === "requires") {
        this.take();
        if (this.isNext(";")) this.fail("the name of an extension");
        for (const { text: name, at } of this.list(";", "after the name of an extension", () =>
          this.expect("name", "the name of an extension"),
        ))
          extensions.push({ directive: kind, name, at });
      } else {
        for (const range of this.diagnostics) range.to = this.tokens.at(-1)!.at;
        return extensions;
      }
    }
  }

  unit(): TranslationUnit {
    const extensions = this.directives();
    const declarations: Declaration[] = [];
    while (!this.isNext("end of text")) {
      if (!this.accept(";")) declarations.push(this.declaration());
    }
    return { extensions, declarations, diagnostics: this.diagnostics };
  }
}

/** The syntax tree of a module. @throws ShaderError for text that the grammar does not allow */
export function parse(text: string): TranslationUnit {
  return new Parser(tokenize(text)).unit();
}
