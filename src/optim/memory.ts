/**
 * What an optimizer and its model need of device memory, worked out before anything is allocated: by the functions
 * the engine allocates with (`planArena`, a rule's `states`, a subspace's `layout`), so that the two cannot drift
 * apart.
 *
 *     parameters   the arena: whole blocks of 256 elements for each tensor
 *     gradients    the same arena in f32; with updates layer by layer only the largest tensor of it
 *     optimizer    the rule's states, of whole tensors or of what a subspace leaves of them
 *     projectors   the bases of subspaces
 *     activations  what the model keeps for the backward pass: the caller's figure
 *     workspace    what one step needs besides: low-rank gradients and deltas, tables, partial sums
 */
import type { MemoryCategory } from "../device/bufferPool";
import { requireOptions } from "../options";
import { byteSize, type DType, storedBytes } from "../tensor/dtype";
import { type Shape, sizeOf } from "../tensor/shape";
import { blockElements, occupied, type ParameterDType } from "./arena";
import { largestBatch, measuresAll, planBatches } from "./deltaBatches";
import type { GroupWay } from "./groups";
import type { AnyRule, AnyStructuredRule, HyperParameters } from "./rule";
import type { Subspace } from "./subspaces/subspace";
import type { Transform } from "./transform";
import { type Way, waysOf, withDefaults } from "./ways";

/** Device memory by what it is for. */
export interface MemoryBytes {
  parameters: number;
  gradients: number;
  optimizer: number;
  projectors: number;
  activations: number;
  workspace: number;
}

/** A parameter that is not there yet. */
export interface PlannedTensor extends GroupWay {
  readonly name: string;
  readonly shape: Shape;
  /** Default "f32". */
  readonly dtype?: ParameterDType;
}

export interface MemoryOptions extends GroupWay {
  readonly rule: AnyRule | AnyStructuredRule;
  /** Of the rule's options, those that differ from its defaults. */
  readonly hyperParameters?: HyperParameters;
  /** Around the rule; each keeps what it needs of every tensor, in f32. Default: none. */
  readonly transforms?: readonly Transform[];
  /** Update each tensor as soon as its gradient is there. Default false. */
  readonly perLayer?: boolean;
  /** What the model keeps for the backward pass, bytes. Default 0. */
  readonly activations?: number;
  /** For accounts of other engines: bytes of an element of what this one keeps in f32. Default 4. */
  readonly assume?: { readonly gradient?: number; readonly projector?: number };
}

/**
 * Whole matrices of f32 that come and go while one is updated in a subspace, its refresh included: measured at a
 * rank of a quarter of the shorter side, where most of them do not depend on the rank. Others: as many as the most.
 */
const temporaries: Readonly<Record<string, number>> = {
  galore: 7,
  qgalore: 7,
  fira: 7,
  frugal: 4,
  dctColumns: 12,
  onlineSubspace: 11,
  apollo: 5,
  sara: 5,
  randomSubspace: 10,
};
/** Those of an exact SVD. */
const mostTemporaries = 15;

const temporariesOf = (subspace: Subspace): number =>
  subspace.toJSON()["projection"] === "svd"
    ? mostTemporaries
    : (temporaries[subspace.name] ?? mostTemporaries);

/** What a buffer's size is a multiple of. */
const bufferBytes = 256;
const inBuffer = (bytes: number): number => Math.ceil(bytes / bufferBytes) * bufferBytes;

/** For each block: where its tensor's values begin, and its group, both u32. */
const tableBytes = 8;

/** What the control record holds of each tensor: five vec4s. */
const valuesBytes = 80;

/** Partial sums of the global norm: one for each 16 elements, at most 1,024. */
const partialBytes = 16;
const mostPartials = 1024;

/** Memory that will be taken. */
export interface PlannedAllocation {
  readonly purpose: keyof MemoryBytes;
  /** Where `memory().byCategory` will have it; what comes and goes within a step is "tensor". */
  readonly category: MemoryCategory;
  readonly bytes: number;
}

/**
 * The bytes that an optimizer over these tensors will take, and the model's with it.
 *
 * @param tensors each with its name, shape and, where they differ from `options`, state format, subspace and
 *   cautious switch, as parameter groups have them
 * @throws ArgumentError for choices that have no meaning together
 * @example
 * const { optimizer } = predictMemory([{ name: "w", shape: [4096, 4096] }], { rule: adamwRule, state: "8bit" });
 */
export function predictMemory(
  tensors: readonly PlannedTensor[],
  options: MemoryOptions,
): MemoryBytes {
  const bytes: MemoryBytes = {
    parameters: 0,
    gradients: 0,
    optimizer: 0,
    projectors: 0,
    activations: 0,
    workspace: 0,
  };
  for (const { purpose, bytes: own } of predictAllocations(tensors, options)) bytes[purpose] += own;
  return bytes;
}

/** The same, one by one, so that a run can be held to it. */
export function predictAllocations(
  tensors: readonly PlannedTensor[],
  options: MemoryOptions,
): PlannedAllocation[] {
  const {
    rule,
    transforms = [],
    perLayer = false,
    activations = 0,
  } = requireOptions("optim.predictMemory", options, "rule");
  const { gradient: gradientElement = 4, projector: projectorElement } = options.assume ?? {};
  const hyper = withDefaults(rule.defaults, options.hyperParameters ?? {});
  const groups = tensors.map((way) => ({ way: wayOfTensor(way), hyper: {} }));
  const members = tensors.map(({ name, shape }, group) => ({
    name,
    group,
    tensor: { shape, size: sizeOf(shape) },
  }));
  const { ways, wayOf } = waysOf(rule, members, groups, hyper, wayOfTensor(options));
  const planned: PlannedAllocation[] = [
    { purpose: "activations", category: "plan", bytes: activations },
  ];
  const plan = (purpose: keyof MemoryBytes, category: MemoryCategory, bytes: number): void => {
    planned.push({ purpose, category, bytes });
  };
  let gradients = 0;
  let total = 0;
  /** Elements of the small gradients of each way with a subspace. */
  const lowRank = new Map<Way, readonly number[]>();
  let passing = 0;
  tensors.forEach(({ shape, dtype = "f32" }, i) => {
    const way = ways[wayOf[i]!]!;
    const elements = occupied(sizeOf(shape));
    plan("parameters", "parameter", elements * byteSize(dtype));
    const gradient = elements * gradientElement;
    gradients = perLayer ? Math.max(gradients, gradient) : gradients + gradient;
    total += elements;
    const layout = way.subspace?.layout(shape) ?? null;
    plan("optimizer", "optimizer", stateBytes(way, layout?.lowRank ?? shape, way.hyper ?? hyper));
    for (const transform of transforms) {
      plan("optimizer", "optimizer", transform.bytes(elements));
      plan("workspace", "optimizer", (elements / blockElements) * tableBytes + valuesBytes);
    }
    const updated = layout ? occupied(sizeOf(layout.lowRank)) : elements;
    if (!("open" in way.rule))
      plan("workspace", "optimizer", (updated / blockElements) * tableBytes + valuesBytes);
    if (!layout) return;
    plan("projectors", "optimizer", tensorBytes(layout.tensors, projectorElement));
    lowRank.set(way, [...(lowRank.get(way) ?? []), updated]);
    passing = Math.max(passing, temporariesOf(way.subspace!) * elements * byteSize("f32"));
  });
  for (const [way, sizes] of lowRank) {
    const batches = measuresAll(way.rule, way.hyper ?? hyper)
      ? [sizes.map((_, k) => k)]
      : planBatches(sizes);
    const elements = largestBatch(sizes, batches);
    plan("workspace", "gradient", elements * byteSize("f32"));
    plan("workspace", "optimizer", elements * byteSize("f32"));
  }
  plan("gradients", "gradient", gradients);
  plan("workspace", "optimizer", Math.min(Math.ceil(total / 16), mostPartials) * partialBytes);
  plan("workspace", "tensor", passing);
  return planned;
}

/** The sum over all categories. */
export const totalBytes = (bytes: MemoryBytes): number =>
  Object.values(bytes).reduce((sum, part) => sum + part, 0);

const wayOfTensor = ({ state, subspace, cautious }: GroupWay): GroupWay => ({
  ...(state !== undefined && { state }),
  ...(subspace !== undefined && { subspace }),
  ...(cautious !== undefined && { cautious }),
});

/** What the rule remembers of a tensor, or of what a subspace leaves of it. */
function stateBytes({ rule, format }: Way, shape: Shape, hyper: HyperParameters): number {
  if (!("open" in rule)) {
    const elements = occupied(sizeOf(shape));
    return rule.states(hyper).reduce((sum, { kind }) => sum + format.bytes(kind, elements), 0);
  }
  return rule
    .layout(shape, hyper)
    .reduce(
      (sum, state) =>
        sum +
        (state.kind
          ? format.bytes(state.kind, occupied(sizeOf(state.shape)))
          : tensorBytes([{ shape: state.shape, dtype: "f32" }])),
      0,
    );
}

/** Of tensors with buffers of their own, or of so many bytes an element. */
const tensorBytes = (
  tensors: readonly { readonly shape: Shape; readonly dtype: DType }[],
  element?: number,
): number =>
  tensors.reduce(
    (sum, { shape, dtype }) =>
      sum +
      (element === undefined
        ? inBuffer(storedBytes(dtype, sizeOf(shape)))
        : element * sizeOf(shape)),
    0,
  );
