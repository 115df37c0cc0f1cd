/**
 * Transforms: what happens to gradients before the rule sees them, or to parameters after it moved them. One that
 * goes element by element is a row like a rule's, run by the same kernels:
 *
 *   on gradients    `e.parameter` is the gradient, unscaled and clipped, `g` the parameter
 *   on parameters   `e.parameter` is the parameter after the step, `g` the gradient
 *
 * Like a rule it may have states, measures of its tensors, and a memory for each. A step that is skipped changes
 * nothing of them. `clipGradNorm` comes before all transforms: it works on the gradients as they came.
 */
import type { BufferBinding } from "../device/executor";
import { ArgumentError } from "../errors";
import { requireKnown, requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { Arena, type ArenaBuffers, type ParameterDType, type Span } from "./arena";
import { FusedPart } from "./fusedPart";
import type { Part, PartContext, UpdatedArena } from "./part";
import { plainFormat } from "./plainStates";
import type { HyperParameters, Rule, RuleHead } from "./rule";

/** A transform's options as plain data for checkpoints; `name` says which it is. */
export type TransformJson = { readonly name: string } & HyperParameters;

/** Where a transform works. */
export type TransformContext = Omit<PartContext, "hyper" | "format" | "cautious">;

export interface Transform {
  readonly name: string;
  /** Or the norm of all gradients, before the other two: what they are multiplied by. */
  readonly on: "gradient" | "parameter" | "norm";
  /** Whether it goes by all gradients of a step together. Default false. */
  readonly overAll?: boolean;
  toJSON(): TransformJson;
  /** What it keeps of a tensor of whole blocks with so many elements, bytes. */
  bytes(elements: number): number;
  open(context: TransformContext): Part;
}

/** A row of a transform that goes element by element. */
export type TransformRow<H extends HyperParameters> = Pick<
  RuleHead<H>,
  "name" | "formula" | "defaults" | "check"
> &
  Pick<Rule<H>, "text" | "function" | "states" | "constants" | "perStep"> &
  Partial<Pick<Rule<H>, "measures" | "fold" | "modes" | "draws" | "startsAtParameter">> & {
    readonly on: Transform["on"];
    /** Of the second state: how many are kept, each for as many updates. Default 1. */
    readonly window?: (h: H) => number;
  };

/**
 * The transform of a row with these options. States are kept in f32.
 * @throws ArgumentError for an option that the row does not have, or a bad value
 */
export function fusedTransform<H extends HyperParameters>(
  row: TransformRow<H>,
  options: Partial<H>,
): Transform {
  const where = `optim.${row.name}`;
  const known = Object.keys(row.defaults);
  requireOptions(where, options, known[0]!);
  requireKnown(where, options, known);
  const hyper = { ...row.defaults, ...options };
  row.check(hyper);
  const rule: Rule<H> = { ...row, defaultRate: 0, defaultWeightDecay: 0, decay: "own" };
  return {
    name: row.name,
    on: row.on,
    overAll: (row.measures?.(hyper) ?? []).some(({ over }) => over === "all"),
    toJSON: () => ({ ...hyper, name: row.name }),
    bytes: (elements) =>
      row
        .states(hyper)
        .reduce((sum, _, s) => sum + 4 * elements * (s === 1 ? (row.window?.(hyper) ?? 1) : 1), 0),
    open: (context) =>
      new FusedPart(rule, {
        ...context,
        hyper: () => hyper,
        format: plainFormat("f32", row.window?.(hyper)),
        cautious: false,
      }),
  };
}

/** The gradients of an arena, as what an update moves. */
export class GradientArena extends Arena implements UpdatedArena {
  constructor(
    arena: Arena,
    private readonly gradients: () => ArenaBuffers,
  ) {
    super(arena.device, arena.entries);
  }

  parameterSpan(span: Span): BufferBinding {
    return this.span(this.gradients(), span);
  }

  dtypeOf(): ParameterDType {
    return "f32";
  }

  parameter(i: number): DeviceTensor {
    return this.view(this.gradients(), i);
  }
}

/** @throws ArgumentError for a list of something else */
export function requireTransforms(where: string, transforms: readonly Transform[]): void {
  if (!Array.isArray(transforms) || !transforms.every((t) => typeof t?.open === "function"))
    throw new ArgumentError(
      `${where}: transforms is ${JSON.stringify(transforms)}; it takes a list such as [optim.clipValue(1), optim.grokfast()].`,
    );
  const names = transforms.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new ArgumentError(`${where}: transforms has ${twice} twice. Give it once.`);
}
