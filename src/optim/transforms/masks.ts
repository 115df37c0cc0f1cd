/**
 * Masks: after each update, what is pruned of a tensor goes to zero, at once or over many steps. Which elements those
 * are is decided on the device, by magnitude, and again every so many steps: shaders/rules/masks.wgsl has the formulas
 * and their sources.
 */
import { ArgumentError } from "../../errors";
import { masks as text } from "../../kernels/generated/rules";
import { abs, where } from "../../ops/arithmetic";
import { ones } from "../../ops/creation";
import { scatter } from "../../ops/scatter";
import { reshape, to } from "../../ops/shape";
import { topK } from "../../ops/sort";
import { requireOptions } from "../../options";
import { upload } from "../../tensor/creation";
import type { HostTensor } from "../../tensor/hostTensor";
import { scope } from "../../tensor/scope";
import { type Shape, sameShape, show } from "../../tensor/shape";
import type { Tensor } from "../../tensor/tensor";
import { isEmbeddingOrNorm } from "../blockStates";
import { FusedPart } from "../fusedPart";
import type { Part, PartStep } from "../part";
import { plainFormat } from "../plainStates";
import { type Rule, requireWithin } from "../rule";
import type { StateTensor } from "../states";
import type { Transform, TransformContext, TransformJson } from "../transform";

/** A tensor that a mask may lie on. */
export interface MaskedTensor {
  readonly name: string;
  readonly shape: Shape;
}

export interface MaskOptions {
  /** Steps from one choice of pruned elements to the next, >= 1. Default 100. */
  every?: number;
  /** Steps before the first choice; until then nothing is pruned. Default 0. */
  start?: number;
  /**
   * How pruned elements get to zero. `cut`: at once. `decay`: multiplied at each update by what falls from 1 to 0
   * between `start` and `end`. `regularise`: `p -= lr lambda p` until `end`, then cut. Default "cut".
   */
  flow?: "cut" | "decay" | "regularise";
  /** The update at which `decay` and `regularise` are over, > start. They need it. */
  end?: number;
  /** Of `regularise`, >= 0. Default 2e-4, SR-STE's. */
  lambda?: number;
  /** Which tensors are masked. Default: those of two and more dimensions, but for embeddings and norms by name. */
  applies?: (tensor: MaskedTensor) => boolean;
}

export interface SparseMaskOptions extends MaskOptions {
  /** The share of each tensor's elements that stays, in (0, 1], or none with `masks`. */
  density?: number;
  /** Masks by the names of tensors instead, 1 where an element stays and 0 where it is pruned. They do not change. */
  masks?: Readonly<Record<string, HostTensor>>;
}

export interface StructuredMaskOptions extends MaskOptions {
  /** Elements that stay of each group, >= 1. Default 2. */
  keep?: number;
  /** Neighbouring elements along the last dimension that are a group, > keep. Default 4. */
  of?: number;
}

/** How a mask is chosen. */
interface Choice {
  readonly json: TransformJson;
  /** Whether tensors of this shape can have it. */
  fits(tensor: MaskedTensor): boolean;
  /** 1 where pruned, from magnitudes of a shape; null for masks that stay as they are. */
  readonly prune: ((sizes: Tensor) => Tensor) | null;
  /** What a mask starts from; by default nothing is pruned. */
  initial?(tensor: MaskedTensor): Float32Array<ArrayBuffer> | null;
}

/**
 * Unstructured masks: of each tensor the elements of largest magnitude stay, as many as `density` says, or those that
 * `masks` name.
 * @throws ArgumentError for options out of range
 * @example optim.adamw(parameters, { transforms: [optim.sparseMask({ density: 0.1, flow: "decay", end: 5000 })] });
 */
export function sparseMask(options: SparseMaskOptions): Transform {
  const { density, masks } = requireOptions("optim.sparseMask", options, "density");
  if ((density === undefined) === (masks === undefined))
    throw new ArgumentError("optim.sparseMask: it takes either density or masks.");
  if (masks) return maskOf("sparseMask", options, namedMasks(masks));
  if (!(typeof density === "number" && density > 0 && density <= 1))
    throw new ArgumentError(
      `optim.sparseMask: density is ${density}; it takes a number above 0, up to 1.`,
    );
  return maskOf("sparseMask", options, {
    json: { name: "sparseMask", density },
    fits: isMatrix,
    prune: (sizes) => leastOf(reshape(sizes, [1, sizes.size]), kept(sizes.size, density)),
  });
}

/**
 * N:M masks: of each `of` neighbours along the last dimension the `keep` of largest magnitude stay, of equal ones the
 * first: 2:4 by default. Tensors whose last dimension is no multiple of `of` have none.
 * @throws ArgumentError for options out of range
 */
export function structuredMask(options: StructuredMaskOptions = {}): Transform {
  const { keep = 2, of = 4 } = requireOptions("optim.structuredMask", options, "keep");
  if (!Number.isInteger(keep) || !Number.isInteger(of) || keep < 1 || keep >= of)
    throw new ArgumentError(
      `optim.structuredMask: keep is ${keep} of ${of}; it takes whole numbers, 1 or more of a group that is larger.`,
    );
  return maskOf("structuredMask", options, {
    json: { name: "structuredMask", keep, of },
    fits: (tensor) => isMatrix(tensor) && tensor.shape.at(-1)! % of === 0,
    prune: (sizes) => leastOf(reshape(sizes, [sizes.size / of, of]), keep),
  });
}

const isMatrix = (tensor: MaskedTensor): boolean =>
  tensor.shape.length >= 2 && !isEmbeddingOrNorm(tensor);

const kept = (size: number, density: number): number =>
  Math.min(Math.max(Math.round(size * density), 1), size);

/** Of each row: 0 at its `count` largest elements, 1 elsewhere. */
function leastOf(rows: Tensor, count: number): Tensor {
  const { indices } = topK(rows, count);
  return scatter(ones(rows.shape, { device: rows.device, dtype: "f32" }), 1, indices, 0);
}

function namedMasks(masks: Readonly<Record<string, HostTensor>>): Choice {
  return {
    json: { name: "sparseMask", masks: Object.keys(masks).sort().join(" ") },
    fits: ({ name }) => Object.hasOwn(masks, name),
    prune: null,
    initial({ name, shape }) {
      const { values, shape: own } = masks[name]!;
      if (!sameShape(own, shape))
        throw new ArgumentError(
          `optim.sparseMask: the mask of ${name} has shape ${show(own)}; the parameter has ${show(shape)}.`,
        );
      return Float32Array.from(values, (stays) => (stays ? 0 : 1));
    },
  };
}

function maskOf(name: string, options: MaskOptions, choice: Choice): Transform {
  const { every = 100, start = 0, flow = "cut", end = 0, lambda = 2e-4 } = options;
  const { applies = choice.prune ? isMatrix : () => true } = options;
  const where = `optim.${name}`;
  const whole = (option: string, value: number, least: number): void => {
    if (!Number.isInteger(value) || value < least)
      throw new ArgumentError(
        `${where}: ${option} is ${value}; it takes a whole number from ${least} up.`,
      );
  };
  whole("every", every, 1);
  whole("start", start, 0);
  if (flow !== "cut" && flow !== "decay" && flow !== "regularise")
    throw new ArgumentError(
      `${where}: flow is ${JSON.stringify(flow)}; it takes "cut", "decay" or "regularise".`,
    );
  if (flow !== "cut") whole("end", end, start + 1);
  requireWithin(name, "lambda", lambda, 0);
  const json = { ...choice.json, every, start, flow, end, lambda };
  const rule = ruleOf(json);
  return {
    name,
    on: "parameter",
    toJSON: () => json,
    bytes: (elements) => 4 * elements,
    open: (context) => new MaskPart(rule, context, { ...choice, every, start, applies }),
  };
}

type Flow = {
  readonly start: number;
  readonly end: number;
  readonly lambda: number;
  readonly flow: string;
};

/** @param name of the transform: key of its states */
function ruleOf({ name, start, end, lambda, flow }: Flow & TransformJson): Rule<Flow> {
  const decays = (t: number): number => Math.min(Math.max((end - t) / (end - start), 0), 1);
  return {
    name,
    formula: "p = p d(t) (1 - lr lambda) where pruned",
    text,
    function: () => "transform_mask",
    defaults: { start, end, lambda, flow },
    check() {},
    states: () => [{ name: `${name}_pruned`, kind: "unsigned" }],
    constants: () => [flow === "regularise" ? lambda : 0],
    perStep: (t) => [flow === "cut" ? 0 : flow === "decay" ? decays(t) : t < end ? 1 : 0],
    defaultRate: 0,
    defaultWeightDecay: 0,
    decay: "own",
  };
}

/** The fused multiplication by the mask, and before it, now and then, the choice. */
class MaskPart implements Part {
  private readonly fused: FusedPart;
  private readonly members: readonly number[];

  constructor(
    private readonly rule: Rule<Flow>,
    private readonly context: TransformContext,
    private readonly choice: Choice & Required<Pick<MaskOptions, "every" | "start" | "applies">>,
  ) {
    const { arena, members } = context;
    this.members = members.filter((i) => {
      const entry = arena.entries[i]!;
      return entry.size > 0 && choice.fits(entry) && choice.applies(entry);
    });
    if (this.members.length === 0)
      throw new ArgumentError(
        `optim.${rule.name}: none of the parameters takes a mask: ${members.map((i) => `${arena.entries[i]!.name} ${show(arena.entries[i]!.shape)}`).join(", ")}. Leave it out, or give applies.`,
      );
    this.fused = new FusedPart(rule, {
      ...context,
      members: this.members,
      hyper: () => rule.defaults,
      format: plainFormat("f32"),
      cautious: false,
    });
  }

  get tensors(): ReadonlyMap<string, StateTensor> {
    return this.fused.tensors;
  }

  start(): void {
    const { device, entries } = this.context.arena;
    for (const i of this.members) {
      const entry = entries[i]!;
      const values = this.choice.initial?.(entry);
      if (!values) continue;
      scope(() => this.pruned(i).fill(upload(values, entry.shape, { dtype: "f32", device })));
    }
  }

  update(step: PartStep): void {
    const { every, start } = this.choice;
    if (step.steps >= start && (step.steps - start) % every === 0) this.choose();
    this.fused.update(step);
  }

  dispose(): void {
    this.fused.dispose();
  }

  private pruned(i: number): StateTensor {
    return this.fused.tensors.get(
      `${this.rule.name}_pruned.${this.context.arena.entries[i]!.name}`,
    )!;
  }

  /** Which elements are pruned from here on, by the magnitudes that they have now. */
  private choose(): void {
    const { prune } = this.choice;
    if (!prune) return;
    const { arena, control, parameter } = this.context;
    for (const i of this.members)
      scope(() => {
        const { shape } = arena.entries[i]!;
        const state = this.pruned(i);
        const chosen = reshape(prune(abs(to(parameter(i), "f32"))), shape);
        state.fill(where(control.skip, state.tensor, chosen) as typeof state.tensor);
      });
  }
}
