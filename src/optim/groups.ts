/** Parameter groups: which tensors an optimizer updates, and the options that vary among them. */
import { ArgumentError } from "../errors";
import { DeviceTensor } from "../tensor/deviceTensor";
import { maxGroups } from "./fusedPart";
import type { ArenaMember } from "./parameterArena";
import { constant, type Schedule } from "./schedule";
import { toSchedule } from "./schedules/constant";
import type { StateFormatName } from "./stateFormats";
import type { StateFormat } from "./states";
import type { Subspace } from "./subspaces/subspace";

/** A parameter, alone or with the name that checkpoints know it by. */
export type NamedParameter = DeviceTensor | readonly [name: string, parameter: DeviceTensor];

/** How the members of a group are updated, where it differs from the optimizer's way. */
export interface GroupWay {
  /** How states are stored. */
  state?: StateFormatName | StateFormat;
  /** Where gradients and states live. */
  subspace?: "full" | Subspace;
  /** Leave out what does not go down the gradient. */
  cautious?: boolean;
}

/** Every option has the optimizer's as its default; the rule's own, such as `betas`, may be given too. */
export interface ParameterGroup extends GroupWay {
  /** `model.parameters()`, `model.namedParameters()`, or a part of them. */
  params: Iterable<NamedParameter>;
  weightDecay?: number;
  lr?: number | Schedule;
  /** The rule's own options. */
  [hyperParameter: string]: unknown;
}

/** What an optimizer is made over. Parameters without a name are called "0", "1", … by position. */
export type Parameters = Iterable<NamedParameter> | readonly ParameterGroup[];

export interface Group {
  readonly names: readonly string[];
  weightDecay: number;
  /** null: follows the optimizer's. */
  rate: Schedule | null;
  readonly way: GroupWay;
  /** Of the rule's own options, those that the group has. */
  hyper: Readonly<Record<string, unknown>>;
}

const groupOptions = ["lr", "weightDecay", "state", "subspace", "cautious"];

const isGroup = (item: unknown): item is ParameterGroup =>
  typeof item === "object" && item !== null && "params" in item;

/**
 * Parameters that say `requiresGrad: false` are left out.
 * @throws ArgumentError for no parameters, something that is none, a name or a tensor given twice, bad
 *   options of a group, or too many groups
 */
export function readGroups(
  where: string,
  parameters: Parameters,
  defaultWeightDecay: number,
  hyperNames: readonly string[],
): { groups: Group[]; members: ArenaMember[] } {
  if (typeof parameters !== "object" || parameters === null || !(Symbol.iterator in parameters))
    throw new ArgumentError(
      `${where}: parameters is ${parameters}; it takes model.parameters(), model.namedParameters(), or a list of groups { params, weightDecay, lr, … }.`,
    );
  const items: (NamedParameter | ParameterGroup)[] = [...parameters];
  const grouped = items.some(isGroup);
  if (grouped && !items.every(isGroup))
    throw new ArgumentError(
      `${where}: groups and bare parameters are mixed. Put every parameter in a group.`,
    );
  const given = grouped ? (items as ParameterGroup[]) : [{ params: items as NamedParameter[] }];
  if (given.length > maxGroups)
    throw new ArgumentError(
      `${where}: ${given.length} parameter groups; one optimizer takes at most ${maxGroups}. Merge groups with the same options.`,
    );
  const members: ArenaMember[] = [];
  const names = new Map<string, DeviceTensor>();
  const owners = new Map<DeviceTensor, string>();
  let position = 0;
  const groups = given.map((options, group): Group => {
    const { params, weightDecay, lr, state, subspace, cautious, ...hyper } = options;
    for (const name of Object.keys(hyper))
      if (!hyperNames.includes(name))
        throw new ArgumentError(
          `${where}: group ${group} has an option ${name}; groups take ${["params", ...groupOptions, ...hyperNames].join(", ")}.`,
        );
    const own: string[] = [];
    for (const item of params) {
      const [name, tensor] = Array.isArray(item) ? item : [String(position), item];
      position++;
      if (!(tensor instanceof DeviceTensor))
        throw new ArgumentError(
          `${where}: parameter ${name} is ${tensor === null ? "null" : typeof tensor}, not a tensor with memory. A group is { params, weightDecay, lr, … }.`,
        );
      if ((tensor as { requiresGrad?: boolean }).requiresGrad === false) continue;
      const other = owners.get(tensor);
      if (other !== undefined)
        throw new ArgumentError(
          `${where}: ${other} and ${name} are the same tensor. Give it once.`,
        );
      if (names.has(name))
        throw new ArgumentError(`${where}: two parameters are named ${name}. Names must differ.`);
      names.set(name, tensor);
      owners.set(tensor, name);
      own.push(name);
      members.push({ name, tensor, group });
    }
    return {
      names: own,
      weightDecay: requireWeightDecay(where, weightDecay ?? defaultWeightDecay),
      rate: lr === undefined ? null : asSchedule(where, lr),
      way: {
        ...(state !== undefined && { state }),
        ...(subspace !== undefined && { subspace }),
        ...(cautious !== undefined && { cautious }),
      },
      hyper,
    };
  });
  if (members.length === 0)
    throw new ArgumentError(
      `${where}: no parameters to update. Was the iterator used before, or is everything frozen?`,
    );
  return { groups, members };
}

/** A schedule as given, or a constant one. @throws ArgumentError */
export function asSchedule(where: string, lr: number | Schedule): Schedule {
  if (typeof lr === "function") return toSchedule(lr);
  if (typeof lr !== "number" || !Number.isFinite(lr) || lr < 0)
    throw new ArgumentError(
      `${where}: lr is ${lr}; it takes a finite number from 0 up, or a schedule such as optim.schedule.cosine({ … }).`,
    );
  return constant(lr);
}

export function requireWeightDecay(where: string, value: number): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
    throw new ArgumentError(
      `${where}: weightDecay is ${value}; it takes a finite number from 0 up.`,
    );
  return value;
}
