/**
 * `compile`: a function of tensors, traced once, simplified, fused, planned, and then replayed.
 *
 * Each plan holds for the shapes and dtypes of the tensors among the arguments, and for everything else among
 * them as it is. A call that no plan fits traces the function again.
 */
import { currentDevice, type Device } from "../device/device";
import type { Program } from "../device/executor";
import { ArgumentError } from "../errors";
import { currentAutocast } from "../ops/autocast";
import { clone, dense } from "../ops/shape";
import { currentStaging, isTransforming, resolve } from "../ops/trace";
import { tuningVersion } from "../ops/variants";
import { requireKnown, requireOptions } from "../options";
import { foldIn, nextKey, withSource } from "../random/random";
import { DeviceTensor } from "../tensor/deviceTensor";
import { toDevice } from "../tensor/hostTensor";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { tensorsOf, withTensors } from "../tensor/tree";
import { hasStandIns } from "../transforms/parameters";
import { Executable, type PlannedKernel, type PlanSize } from "./executable";
import { optimise } from "./passes";
import { difference, kept, type Leaf, readArguments } from "./signature";
import { type Assumption, trace } from "./stage";

export interface CompileOptions {
  /** Named in messages. Default: the function's own name. */
  name?: string;
  /**
   * Positions of arguments whose tensors the call takes over: their memory is used for results, and the tensors
   * are disposed. Default none.
   */
  donate?: readonly number[];
  /** Gets a line when the function is traced: why, and how large the plan is. Default: nobody. */
  log?: (message: string) => void;
  /**
   * Bytes that intermediate values may take at once. Where they would take more, values that wait for the backward
   * pass are dropped and computed again, the cheapest per byte first. The plan says what it came to; parameters,
   * arguments and results are not counted. Default: no limit.
   */
  memoryBudget?: number;
  /** Plans kept at most; beyond this the one used longest ago goes. Default 16. */
  maxPlans?: number;
}

/** One plan, as it was made. */
export interface PlanReport extends PlanSize {
  /** Why the function was traced: "first call", or what changed. */
  readonly reason: string;
  /** Operations computed again to keep within the budget. */
  readonly recomputed: number;
  /** The work that adds, as a part of all: 0.05 for 5 %. Estimated. */
  readonly addedWork: number;
  /** Nodes as traced, and after all passes. */
  readonly traced: number;
  readonly nodes: number;
  /** Milliseconds: tracing, passes, lowering and memory. */
  readonly milliseconds: number;
  /** The kernels with their WGSL, generated ones among them. */
  readonly kernels: readonly PlannedKernel[];
}

export interface WarmupOptions {
  /** Called after each kernel that was not compiled yet. */
  onProgress?: (progress: { readonly compiled: number; readonly total: number }) => void;
}

export interface Compiled<A extends readonly unknown[], R> {
  (...args: A): R;
  /**
   * Makes the plan for these arguments and compiles its kernels, in parallel where the engine can, without running
   * anything. Without it the first call does.
   */
  warmup(args: A, options?: WarmupOptions): Promise<PlanReport>;
  /** The plans made so far and still kept. */
  readonly plans: readonly PlanReport[];
  /** Frees the plans. A later call makes them again. */
  dispose(): void;
}

interface Plan {
  readonly leaves: readonly Leaf[];
  readonly device: Device;
  readonly assumptions: readonly Assumption[];
  outdated(): string | null;
  readonly structure: unknown;
  readonly executable: Executable;
  /** Numbers of tensors that a call takes over. */
  readonly donated: ReadonlySet<number>;
  /** Whether it draws from the default generator, by a key that is its last argument. */
  readonly draws: boolean;
  readonly report: PlanReport;
  release(): void;
}

/** As many sets of shapes as a program goes on meeting. */
const usualPlans = 16;

/**
 * The same function, compiled: its operations are traced at the first call, fused into fewer kernels, given memory
 * ahead of time, and replayed at later calls.
 *
 * - It is traced with stand-ins for its tensors, so it cannot read values, and whatever else it does (print, count)
 *   happens when it is traced only. Numbers that shall vary are passed as tensors.
 * - Tensors from outside, such as parameters, are read anew at each call. Host values it makes tensors of are not.
 * - Random draws without a key of their own take a new key at each call.
 * - Inside a transform, or inside another compiled function, it runs as if it were not compiled.
 *
 * @param fn any synchronous function; its arguments and results are pytrees of tensors (host tensors are uploaded)
 * @throws what `fn` throws; ArgumentError for an async function or for values kept from an earlier call
 * @example
 * const step = compile((x: Tensor, y: Tensor) => x.mul(2).add(y).relu().sum());
 * const z = step(x, y);
 */
export function compile<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  requireOptions("compile", options, "log");
  if (typeof fn !== "function")
    throw new ArgumentError(`compile: got ${typeof fn} in place of a function.`);
  requireKnown("compile", options, ["name", "donate", "log", "memoryBudget", "maxPlans"]);
  const { memoryBudget, maxPlans = usualPlans, donate = [] } = options;
  if (!Number.isInteger(maxPlans) || maxPlans < 1)
    throw new ArgumentError(`compile: maxPlans is ${maxPlans}; it takes a whole number from 1 on.`);
  for (const position of donate)
    if (!Number.isInteger(position) || position < 0)
      throw new ArgumentError(
        `compile: donate has ${position}; it takes positions of arguments, from 0 on.`,
      );
  if (memoryBudget !== undefined && !(memoryBudget > 0))
    throw new ArgumentError(`compile: memoryBudget is ${memoryBudget}; it takes bytes above 0.`);
  const compiler = new Compiler(fn, options);
  const call = (...args: A): R => compiler.call(args);
  return Object.defineProperties(
    Object.assign(call, {
      warmup: (args: A, warmup?: WarmupOptions) => compiler.warmup(args, warmup),
      dispose: () => compiler.dispose(),
    }),
    { plans: { get: () => compiler.reports } },
  ) as Compiled<A, R>;
}

class Compiler<A extends readonly unknown[], R> {
  /** The one used last comes first. */
  private plans: Plan[] = [];
  private readonly name: string;

  constructor(
    private readonly fn: (...args: A) => R,
    private readonly options: CompileOptions,
  ) {
    this.name = options.name ?? (fn.name || "a function");
  }

  get reports(): readonly PlanReport[] {
    return this.plans.map(({ report }) => report);
  }

  call(args: A): R {
    if (isTransforming() || currentStaging() || hasStandIns())
      return this.fn(...(toDevice(args) as unknown as A));
    return scope(() => {
      const { given, tensors, plan } = this.planFor(args);
      const inputs = tensors.map((t, i) => {
        // Others that look at the memory of a donated tensor go on seeing what it held, and arguments are as
        // they were at the call, whatever the function assigns to.
        const isOthers = plan.donated.has(i)
          ? t.storage.isShared || tensors.indexOf(t) !== tensors.lastIndexOf(t)
          : plan.executable.writes(t.storage.buffer);
        if (isOthers) return clone(t) as DeviceTensor;
        return t.isDense ? t : dense(t);
      });
      if (plan.draws) inputs.push(freshKey(plan.device));
      const results = plan.executable.run(inputs);
      this.takeDonated(given);
      return withTensors(plan.structure, results) as R;
    });
  }

  async warmup(args: A, { onProgress }: WarmupOptions = {}): Promise<PlanReport> {
    const { plan } = scope(() => ({ plan: this.planFor(args).plan }));
    const programs: readonly Program[] = plan.executable.programs;
    let compiled = 0;
    await plan.device.executor.compilePrograms(programs, () => {
      onProgress?.({ compiled: ++compiled, total: programs.length });
    });
    return plan.report;
  }

  dispose(): void {
    for (const plan of this.plans.splice(0)) plan.release();
  }

  private planFor(args: A) {
    const given = toDevice(args, tensorsOf(args)[0]?.device);
    const { leaves: own, tensors: handles } = readArguments(given);
    const tensors = handles.map((t) => this.requireReal(resolve(t)));
    const device = tensors[0]?.device ?? currentDevice();
    const leaves = [
      ...own,
      { path: "autocast", value: currentAutocast() },
      { path: "the tuning of kernels", value: tuningVersion(device) },
    ];
    for (const t of tensors)
      if (t.device !== device)
        throw new ArgumentError(
          `${this.name}: its arguments live on different devices. Make them on one, or read and re-create.`,
        );
    const at = this.plans.findIndex((plan) => mismatch(plan, leaves, device) === null);
    const plan = at >= 0 ? this.plans[at]! : this.make(given, leaves, tensors, device);
    if (at > 0) this.plans.splice(at, 1);
    if (at !== 0) this.plans.unshift(plan);
    for (const old of this.plans.splice(this.options.maxPlans ?? usualPlans)) old.release();
    return { given, tensors, plan };
  }

  private make(
    given: readonly unknown[],
    leaves: readonly Leaf[],
    tensors: readonly DeviceTensor[],
    device: Device,
  ): Plan {
    const start = performance.now();
    const [last] = this.plans;
    const reason = last ? mismatch(last, leaves, device)! : "first call";
    // A plan that no longer holds will never be used again.
    for (const plan of this.plans.filter(isStale)) {
      this.plans.splice(this.plans.indexOf(plan), 1);
      plan.release();
    }
    let draws = false;
    const key = { shape: [2], dtype: "u32" } as const;
    const traced = trace(device, [...tensors, key], (inputs) =>
      withSource(
        () => {
          draws = true;
          return inputs.at(-1)!;
        },
        () => this.traced(withTensors(given, inputs.slice(0, -1)) as unknown as A),
      ),
    );
    const constants: DeviceTensor[] = [];
    try {
      const { graph, recomputation } = optimise(traced.graph, {
        device,
        memoryBudget: this.options.memoryBudget ?? null,
        made: (t) => void constants.push(t),
      });
      const donated = this.donated(given);
      const executable = new Executable(graph, device, donated);
      const report: PlanReport = {
        ...executable.size,
        reason,
        recomputed: recomputation?.recomputed ?? 0,
        addedWork: recomputation?.addedWork ?? 0,
        traced: traced.graph.nodes.length,
        nodes: graph.nodes.length,
        milliseconds: performance.now() - start,
        kernels: executable.kernels,
      };
      this.options.log?.(describe(this.name, report, this.options.memoryBudget));
      const { assumptions, structure, outdated } = traced;
      const release = (): void => {
        executable.dispose();
        traced.release();
        for (const constant of constants) constant.dispose();
      };
      const held = {
        leaves: kept(leaves),
        device,
        assumptions,
        outdated,
        structure,
        executable,
        donated,
        draws,
      };
      return { ...held, report, release };
    } catch (error) {
      traced.release();
      for (const constant of constants) constant.dispose();
      throw error;
    }
  }

  private requireReal(tensor: Tensor): DeviceTensor {
    if (!(tensor instanceof DeviceTensor))
      throw new ArgumentError(
        `${this.name}: an argument of shape ${show(tensor.shape)} is a value of a transform, or of an earlier call. Return values instead of keeping them.`,
      );
    tensor.check();
    return tensor;
  }

  private traced(args: A): R {
    const result = this.fn(...args);
    if (result instanceof Promise) {
      // As in `scope`.
      result.catch(() => {});
      throw new ArgumentError(
        `compile(fn): ${this.name} is async. Compute in a synchronous function, and await values outside.`,
      );
    }
    return result;
  }

  /** The numbers of the tensors that the call takes over. */
  private donated(given: readonly unknown[]): Set<number> {
    const { donate = [] } = this.options;
    const numbers = new Set<number>();
    let next = 0;
    given.forEach((argument, position) => {
      for (const _ of readArguments([argument]).tensors) {
        if (donate.includes(position)) numbers.add(next);
        next++;
      }
    });
    return numbers;
  }

  private takeDonated(given: readonly unknown[]): void {
    for (const position of this.options.donate ?? [])
      for (const t of readArguments([given[position]]).tensors) t.dispose();
  }
}

const isStale = ({ outdated, assumptions }: Plan): boolean =>
  outdated() !== null || assumptions.some(({ read, current }) => !Object.is(read(), current));

/** Why a plan does not fit a call, or null where it does. */
function mismatch(plan: Plan, leaves: readonly Leaf[], device: Device): string | null {
  if (plan.device !== device) return "the arguments live on another device";
  const outdated = plan.outdated();
  if (outdated !== null) return outdated;
  for (const { what, read, current } of plan.assumptions)
    if (!Object.is(read(), current)) return `${what} is ${read()} instead of ${current}`;
  return difference(plan.leaves, leaves);
}

/** A key that no call before had, from the default generator. */
function freshKey(device: Device): DeviceTensor {
  const { key, stream } = nextKey({ device });
  return foldIn(key, stream) as DeviceTensor;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function describe(name: string, report: PlanReport, budget?: number): string {
  const within =
    budget === undefined
      ? ""
      : `; ${report.recomputed} operations are computed again (${(100 * report.addedWork).toFixed(1)} % more work) to keep within ${mebibytes(budget)}` +
        (report.arenaBytes > budget
          ? ", and nothing more can be: raise the budget or lower the batch"
          : "");
  return (
    `compile ${name}: ${report.reason}. ${report.traced} operations in ${report.dispatches} dispatches of ` +
    `${report.programs} kernels and ${report.copies} copies; at most ${mebibytes(report.arenaBytes)} of ` +
    `intermediate values (${mebibytes(report.leastBytes)} alive at once), ${mebibytes(report.constantBytes)} of ` +
    `constants, ${mebibytes(report.resultBytes)} of results; planned in ${report.milliseconds.toFixed(0)} ms${within}`
  );
}
