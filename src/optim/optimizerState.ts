/** What a checkpoint holds of an optimizer besides its tensors, and the check that a checkpoint fits. */
import { CheckpointError } from "../errors";
import { type Shape, sameShape, show } from "../tensor/shape";
import type { HyperParameters } from "./rule";
import type { ScheduleJson } from "./schedule";
import type { TransformJson } from "./transform";

/** Plain JSON. */
export interface OptimizerScalars {
  readonly format: 2;
  readonly rule: string;
  /** How weight decay acts on rules that leave the choice; absent for the others, and in files of before there was one. */
  readonly decay?: "decoupled" | "l2";
  /** How each parameter is updated: rule, state format, subspace. */
  readonly ways: readonly string[];
  /** What happens to gradients and parameters around the rule. */
  readonly transforms: readonly TransformJson[];
  /** Calls of `step`: where schedules are. */
  readonly stepCount: number;
  /** How many of them were skipped. */
  readonly skipped: number;
  readonly lr: ScheduleJson;
  readonly hyperParameters: HyperParameters;
  /** null: no clipping. */
  readonly clipGradNorm: number | null;
  readonly skipNonFinite: boolean;
  /** Of what is drawn at random. */
  readonly seed: number;
  /** Whether the parameters stand where they are evaluated. */
  readonly evaluating: boolean;
  readonly groups: readonly {
    readonly parameters: readonly string[];
    readonly weightDecay: number;
    /** null: the optimizer's. */
    readonly lr: ScheduleJson | null;
    /** Those that differ from the optimizer's. */
    readonly hyperParameters: HyperParameters;
  }[];
}

/** Without what changes from step to step. */
export type OptimizerScalarOptions = Omit<
  OptimizerScalars,
  "format" | "stepCount" | "skipped" | "evaluating"
>;

/**
 * Rates may be set while a run goes on, so they are a part of its state. How parameters are updated, and which they
 * are, is for `checkScalars`.
 */
const notCompared: readonly string[] = ["lr", "ways", "parameters"];

/** In words, the options that a saved state has otherwise; those that it does not tell are not compared. */
export function optionDifferences(saved: unknown, own: OptimizerScalarOptions): string[] {
  if (!isTree(saved)) return [];
  return Object.entries(own).flatMap(([name, value]) =>
    saved[name] === undefined || notCompared.includes(name)
      ? []
      : differencesBetween(`optimizer.${name}`, saved[name], value),
  );
}

function differencesBetween(path: string, before: unknown, now: unknown): string[] {
  if (isTree(before) && isTree(now))
    return Object.keys({ ...before, ...now }).flatMap((key) =>
      notCompared.includes(key) ? [] : differencesBetween(`${path}.${key}`, before[key], now[key]),
    );
  const [was, is] = [before, now].map((value) => JSON.stringify(value ?? null));
  return was === is ? [] : [`${path} was ${was} and is ${is}`];
}

/** An object, or a list of them; not a list of numbers or words, which is told as a whole. */
const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" &&
  value !== null &&
  !(Array.isArray(value) && value.some((item) => typeof item !== "object"));

/** What `scalars` must agree with. */
export type Expected = Pick<OptimizerScalars, "rule" | "ways" | "transforms"> & {
  readonly groups: readonly { readonly names: readonly string[] }[];
};

/** @throws CheckpointError naming what differs. */
export function checkScalars(json: unknown, expected: Expected): OptimizerScalars {
  const scalars = (typeof json === "object" && json !== null ? json : {}) as OptimizerScalars;
  if (scalars.format !== 2)
    throw new CheckpointError(
      `loadState: the optimizer's scalars have format ${JSON.stringify(scalars.format)}; this version reads 2. Was the file written by an optimizer?`,
    );
  if (scalars.rule !== expected.rule)
    throw new CheckpointError(
      `loadState: the checkpoint has rule ${JSON.stringify(scalars.rule)}, this optimizer ${JSON.stringify(expected.rule)}. Make the optimizer it was saved from.`,
    );
  const { stepCount, skipped, groups } = scalars;
  if (!isCount(stepCount) || !isCount(skipped) || skipped > stepCount || !Array.isArray(groups))
    throw new CheckpointError(
      `loadState: the optimizer's scalars are corrupt: stepCount ${stepCount}, skipped ${skipped}. Use an earlier checkpoint.`,
    );
  if (groups.length !== expected.groups.length)
    throw new CheckpointError(
      `loadState: the checkpoint has ${groups.length} parameter groups, this optimizer ${expected.groups.length}. Make the same groups.`,
    );
  expected.groups.forEach(({ names }, i) => {
    const saved = new Set<string>(groups[i]?.parameters);
    const missing = names.filter((name) => !saved.has(name)).map((name) => `${name} is not in it`);
    const own = new Set(names);
    const extra = [...saved]
      .filter((name) => !own.has(name))
      .map((name) => `${name} is only in it`);
    refuse(`group ${i} of the checkpoint has other parameters`, [...missing, ...extra]);
  });
  const ways = Array.isArray(scalars.ways) ? scalars.ways : [];
  expected.ways.forEach((way, i) => {
    if (ways[i] !== way)
      throw new CheckpointError(
        `loadState: the checkpoint has parameter ${i} updated as ${JSON.stringify(ways[i])}, this optimizer as ${JSON.stringify(way)}. Make the optimizer with the saved state format and subspace.`,
      );
  });
  const names = (transforms: readonly TransformJson[] | undefined): string =>
    JSON.stringify((transforms ?? []).map(({ name }) => name));
  if (names(scalars.transforms) !== names(expected.transforms))
    throw new CheckpointError(
      `loadState: the checkpoint has transforms ${names(scalars.transforms)}, this optimizer ${names(expected.transforms)}. Make the optimizer with the saved transforms.`,
    );
  return scalars;
}

/** @throws CheckpointError naming keys and shapes that differ. */
export function checkTensors(
  given: Readonly<Record<string, { readonly shape: Shape }>>,
  expected: ReadonlyMap<string, { readonly tensor: { readonly shape: Shape } }>,
): void {
  const problems: string[] = [];
  for (const [key, { tensor }] of expected) {
    const value = given[key];
    if (!value) problems.push(`${key} is missing`);
    else if (!sameShape(value.shape, tensor.shape))
      problems.push(`${key} is ${show(value.shape)}, the parameter ${show(tensor.shape)}`);
  }
  for (const key of Object.keys(given))
    if (!expected.has(key)) problems.push(`${key} is unexpected`);
  refuse("the checkpoint's tensors do not fit this optimizer", problems);
}

const shown = 4;

function refuse(what: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length > shown ? `; and ${problems.length - shown} more` : "";
  throw new CheckpointError(
    `loadState: ${what}: ${problems.slice(0, shown).join("; ")}${more}. Make the model and the optimizer with the options of the saved run.`,
  );
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
