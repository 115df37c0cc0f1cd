/**
 * Options are given by name: what other libraries take by position is refused, not ignored. The types that are shipped
 * say which functions have options, so that a new one is looked at without being listed.
 */
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ArgumentError, TilegradError } from "../../src/errors";
import * as tg from "../../src/node";
import { expectThrows } from "../harness";

const door = fileURLToPath(new URL("../../dist/types/node.d.ts", import.meta.url));

const program = ts.createProgram([door], {
  ...{ noEmit: true, strict: true, skipLibCheck: true, types: [] },
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
});
const checker = program.getTypeChecker();

/** A parameter that is an object of options, of a function, a constructor or a method of the package. */
interface OptionsParameter {
  /** As users write it: `fft.dct`, `new nn.Linear`, `nn.Linear.forward`. */
  readonly name: string;
  readonly at: number;
  readonly parameters: readonly ts.Type[];
  /** Whether each of the options may be left out. */
  readonly free: boolean;
}

const partsOf = (type: ts.Type): readonly ts.Type[] => {
  const given = checker.getNonNullableType(type);
  return given.isUnion() ? given.types : [given];
};

const isOurs = (property: ts.Symbol): boolean =>
  (property.declarations ?? []).every(
    (d) => !program.isSourceFileDefaultLibrary(d.getSourceFile()),
  );

/** Data by names: no function, no list, no instance of a class, nothing that has methods. */
function isRecord(type: ts.Type): boolean {
  const properties = type.getProperties();
  return (
    properties.length > 0 &&
    type.getCallSignatures().length === 0 &&
    !type.isClass() &&
    !properties.some((p) => p.flags & ts.SymbolFlags.Method) &&
    properties.every(isOurs)
  );
}

const mayBeLeftOut = (property: ts.Symbol): boolean =>
  (property.flags & ts.SymbolFlags.Optional) !== 0;

function optionsAmong(name: string, signature: ts.Signature): OptionsParameter[] {
  const parameters = signature.getParameters().map((p) => checker.getTypeOfSymbol(p));
  return parameters.flatMap((type, at) => {
    const records = partsOf(type).filter(isRecord);
    const named = signature.getParameters()[at]!.name === "options";
    const free = records.some((record) => record.getProperties().every(mayBeLeftOut));
    return free || (named && records.length > 0) ? [{ name, at, parameters, free }] : [];
  });
}

/** Of an export: a function, or a class with its constructor and methods. Errors are made by the library. */
function optionsOf(name: string, symbol: ts.Symbol): OptionsParameter[] {
  const type = checker.getTypeOfSymbol(symbol);
  const called = (path: string, of: ts.Type) =>
    of.getCallSignatures().flatMap((signature) => optionsAmong(path, signature));
  if (!(symbol.flags & ts.SymbolFlags.Class)) return called(name, type);
  if (name.endsWith("Error")) return [];
  const made = type.getConstructSignatures().flatMap((s) => optionsAmong(`new ${name}`, s));
  const methods = (of: ts.Type, path: string) =>
    of.getProperties().flatMap((p) => called(`${path}.${p.name}`, checker.getTypeOfSymbol(p)));
  return [
    ...made,
    ...methods(type, name),
    ...methods(checker.getDeclaredTypeOfSymbol(symbol), `${name}.prototype`),
  ];
}

function everyOption(space: ts.Symbol, path = ""): OptionsParameter[] {
  return checker.getExportsOfModule(space).flatMap((exported) => {
    if (exported.declarations?.some(ts.isTypeOnlyExportDeclaration)) return [];
    const name = path + exported.name;
    const aliased = exported.flags & ts.SymbolFlags.Alias;
    const symbol = aliased ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.flags & ts.SymbolFlags.ValueModule) return everyOption(symbol, `${name}.`);
    return symbol.flags & ts.SymbolFlags.Value ? optionsOf(name, symbol) : [];
  });
}

const all = everyOption(checker.getSymbolAtLocation(program.getSourceFile(door)!)!);

let device: tg.Device;
let tensor: tg.Tensor;
beforeAll(async () => {
  device = await tg.init({ executor: "cpu", threads: 0 });
  tensor = tg.ones([2, 2]);
});
afterAll(() => device.destroy());

/** Something of the type, as far as what comes before the check of the options looks at it. */
function argumentOf(type: ts.Type, at: number): unknown {
  const takes = (other: ts.Type) => checker.isTypeAssignableTo(other, type);
  if (partsOf(type).some((part) => part.symbol?.name === "Tensor")) return tensor;
  if (takes(checker.getNumberType())) return at + 1;
  if (takes(checker.getStringType())) return "x";
  if (partsOf(type).some((part) => part.getNumberIndexType())) return [1];
  if (partsOf(type).some((part) => part.getCallSignatures().length)) return () => tensor;
  return {};
}

/** What a call with `value` for the options throws; null if it goes through. */
async function thrown({ name, at, parameters }: OptionsParameter, value: unknown) {
  const path = name.replace("new ", "").split(".");
  const owner = path.slice(0, -1).reduce((of, key) => Reflect.get(of, key) as object, tg as object);
  const target = Reflect.get(owner, path.at(-1)!) as (...args: unknown[]) => unknown;
  const args = [...parameters.slice(0, at).map(argumentOf), value];
  try {
    await (name.startsWith("new ") ? Reflect.construct(target, args) : target.apply(owner, args));
    return null;
  } catch (error) {
    return error;
  }
}

/** What the types do not allow in place of the options. */
const wrong = ({ parameters, at }: OptionsParameter): unknown[] => {
  const number = checker.isTypeAssignableTo(checker.getNumberType(), parameters[at]!);
  return [...(number ? [] : [1]), "mean", false, [0, 1]];
};

test("what may be left out is refused by position, with the cure", async () => {
  const free = all.filter((parameter) => parameter.free);
  const ignored: string[] = [];
  for (const parameter of free)
    for (const value of [...wrong(parameter), tensor]) {
      const error = await thrown(parameter, value);
      const refused = error instanceof ArgumentError && /in place of options/.test(error.message);
      if (!refused) ignored.push(`${parameter.name}, argument ${parameter.at}: ${error}`);
    }
  expect(ignored).toEqual([]);
  expect(new Set(free.map(({ name }) => name)).size).toBeGreaterThan(300);
});

test("where an option is required, something else in place of the options is an error of ours", async () => {
  const ignored: string[] = [];
  // Methods need an instance before they look; tensors have a rank and a size, which are names of required options.
  const required = all.filter(({ free, name }) => !free && !name.includes(".prototype."));
  for (const parameter of required)
    for (const value of wrong(parameter)) {
      const error = await thrown(parameter, value);
      if (!(error instanceof TilegradError))
        ignored.push(`${parameter.name}, argument ${parameter.at}: ${error}`);
    }
  expect(ignored).toEqual([]);
});

test.each([
  ["axis", "dim"],
  ["keepdims", "keepdim"],
])("%s, which is what others call %s, is refused", async (other, own) => {
  const taking = all.filter(
    ({ parameters, at, free }) =>
      free && checker.getPropertyOfType(checker.getNonNullableType(parameters[at]!), own),
  );
  const ignored: string[] = [];
  for (const parameter of taking) {
    const error = await thrown(parameter, { [other]: 0 });
    const refused = error instanceof ArgumentError && error.message.includes(`called ${own}`);
    if (!refused) ignored.push(`${parameter.name}: ${error}`);
  }
  expect(ignored).toEqual([]);
  expect(taking.length).toBeGreaterThan(5);
});

test("the message names the operation, what it got, and how options are given", () => {
  const x = tg.ones([2, 3]);
  const by = (value: unknown) => value as object;
  const cases: [() => unknown, RegExp][] = [
    [
      () => tg.argmax(x, by(1)),
      /^argmax: got 1 in place of options\. Give them by name, in an object: \{ dim: 1 \}\.$/,
    ],
    [() => x.sum(by(-1)), /^sum: got -1 .*\{ dim: -1 \}/],
    [() => tg.mean(x, by([0, 1])), /^mean: got \[0,1\] .*\{ dim: \[0,1\] \}/],
    [() => tg.nn.functional.mseLoss(x, x, by("sum")), /^mseLoss: got "sum" .*reduction: "sum"/],
    [() => tg.conv1d(x, x, by(x)), /^conv1d: got a tensor in place of options.*bias: a tensor/],
    [() => new tg.nn.Linear(2, 3, by(false)), /^Linear: got false .*bias: false/],
    [() => new tg.nn.ConvTranspose1d(1, 2, 3, by(2)), /^ConvTranspose1d: got 2 .*stride: 2/],
    [() => tg.optim.muon([], by(0.02)), /^optim\.muon: got 0\.02 .*lr: 0\.02/],
  ];
  for (const [call, pattern] of cases) expectThrows(call, ArgumentError, pattern);
});
