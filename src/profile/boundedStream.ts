/**
 * A command stream whose submits are bounded in time, for systems that reset a GPU which one submit keeps busy for
 * too long. What a dispatch takes is told ahead from its operations and bytes, at a pace that each program has on
 * this device: at first that of a slow GPU, then what the submits before were seen to take. A section is submitted
 * once it holds half the bound; a dispatch of more than that runs in parts, each in a submit of its own. So no
 * submit is told to take longer than the bound, unless a single workgroup is.
 *
 * Telling it wrong costs little: a device that is faster than it was held for gets a few submits more, and as many as
 * the time that passes holds halves of the bound where the host made it look slow.
 */
import type { SharedLayout } from "../device/bindGroupLayouts";
import {
  CommandStream,
  type DispatchCost,
  type DispatchRecord,
  type ProgramPace,
  type StreamMaker,
} from "../device/commandStream";
import type { Program } from "../device/executor";
import type { CompiledProgram } from "../device/webgpuPrograms";
import { ArgumentError } from "../errors";
import { type GridPart, gridParts, partBytes, partUniform, partVariant } from "./gridParts";
import { factsOf } from "./work";
import { entryOf, type OperationCount, operationCounts } from "./workTable";

/** A quarter of a second: an eighth of what Windows allows, as a program that was not seen yet may be slower. */
const defaultLongest = 250;

/** What a slow GPU does: operations and bytes in a millisecond, and the milliseconds that begin a dispatch. */
const slow = { operations: 2e8, bytes: 2e7, beginning: 0.002 };

interface Pace extends ProgramPace {
  /** The program's operations, where the table counts them. */
  readonly count: OperationCount | undefined;
}

const groupsOf = (grid: readonly [number, number, number]): number => grid[0] * grid[1] * grid[2];

/** The timestamps of a dispatch: it begins with its first part and ends with its last. */
function stampsOf(
  { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex }: GPUComputePassTimestampWrites,
  part: "first" | "last",
): GPUComputePassTimestampWrites {
  return part === "first"
    ? { querySet, beginningOfPassWriteIndex: beginningOfPassWriteIndex! }
    : { querySet, endOfPassWriteIndex: endOfPassWriteIndex! };
}

/** @throws ArgumentError where `longest` is not above 0 */
export function boundedStreams(longest = defaultLongest): StreamMaker {
  if (!(longest > 0))
    throw new ArgumentError(
      `longestSubmit is ${longest}; it takes milliseconds above 0, or Infinity for no bound.`,
    );
  return (device, flush) =>
    longest < Number.POSITIVE_INFINITY
      ? new BoundedStream(device, flush, longest)
      : new CommandStream(device);
}

export class BoundedStream extends CommandStream {
  /** What the section being recorded is told to take, milliseconds. */
  protected expected = 0;
  private used: ProgramPace[] = [];
  private readonly paces = new Map<Program, Pace>();
  /** Of programs for parts of their grids; null where the text does not permit that. */
  private readonly variants = new Map<Program, GPUComputePipeline | null>();
  private place: PartPlace | null = null;
  /** What was submitted since `watch` last began: the milliseconds it was told to take, and its paces at that time. */
  private unwatched = { expected: 0, paces: new Map<ProgramPace, number>() };
  private watching = false;

  constructor(
    device: GPUDevice,
    private readonly flush: () => void,
    private readonly longest: number,
  ) {
    super(device);
  }

  override get full(): boolean {
    return super.full || this.expected >= this.longest / 2;
  }

  override dispatch(record: DispatchRecord, group: GPUBindGroup, offset: number): void {
    record.cost ??= this.costOf(record);
    const { cost } = record;
    const parts = this.partsOf(record, cost);
    if (parts.length > 1) this.inParts(record, group, offset, parts, cost);
    else {
      super.dispatch(record, group, offset);
      this.note(cost, 1);
    }
  }

  override submit(send: () => void): void {
    super.submit(send);
    const { expected, used } = this;
    this.expected = 0;
    this.used = [];
    // What is known and short needs no watching, so that a program of small submits does without.
    if (expected < this.longest / 64 && used.every(({ timed }) => timed)) return;
    this.unwatched.expected += expected;
    for (const pace of used)
      if (!this.unwatched.paces.has(pace)) this.unwatched.paces.set(pace, pace.value);
    if (!this.watching) this.watch();
  }

  /**
   * Times what was submitted since it last did. One after the other: a busy host hears of several ends at once, and
   * would take all but the first for short.
   */
  private watch(): void {
    const { expected, paces } = this.unwatched;
    this.watching = paces.size > 0;
    if (!this.watching) return;
    this.unwatched = { expected: 0, paces: new Map() };
    const began = performance.now();
    this.device.queue.onSubmittedWorkDone().then(
      () => {
        const took = performance.now() - began;
        for (const [pace, before] of paces) this.learn(pace, before, took, expected);
        this.watch();
      },
      // A lost device rejects; the executor hears of it.
      () => undefined,
    );
  }

  /**
   * Falls by half at most, so that one submit of little work does not count for the next. Rises eightfold at most,
   * and only for a submit that took long: of a short one most is the way there and back.
   */
  protected learn(pace: ProgramPace, before: number, took: number, expected: number): void {
    const seen = (before * took) / expected;
    if (took < expected) pace.value = Math.max(Math.min(pace.value, seen), pace.value / 2);
    else if (took > this.longest / 8)
      pace.value = Math.max(pace.value, Math.min(seen, 8 * pace.value));
    pace.timed = true;
  }

  private note({ pace, work }: DispatchCost, share: number): void {
    this.expected += work * share * pace.value;
    if (pace.section === this.section) return;
    pace.section = this.section;
    this.used.push(pace);
  }

  private costOf(record: DispatchRecord): DispatchCost {
    const pace = this.paceOf(record.compiled.program);
    return { pace, work: slowTime(record, pace.count) };
  }

  private paceOf(program: Program): Pace {
    let pace = this.paces.get(program);
    if (!pace) {
      const count = entryOf(operationCounts, program.name);
      pace = { count, value: 1, timed: false, section: 0 };
      this.paces.set(program, pace);
    }
    return pace;
  }

  /** The parts that a dispatch runs in; fewer than two where it runs whole. */
  private partsOf(
    { compiled, grid }: DispatchRecord,
    { pace, work }: DispatchCost,
  ): readonly GridPart[] {
    const share = this.longest / 2 / (work * pace.value);
    const groups = groupsOf(grid);
    if (share >= 1 || groups < 2 || !this.variant(compiled)) return [];
    return gridParts(grid, Math.floor(share * groups));
  }

  private inParts(
    record: DispatchRecord,
    group: GPUBindGroup,
    offset: number,
    parts: readonly GridPart[],
    cost: DispatchCost,
  ): void {
    const { compiled, grid } = record;
    const pipeline = this.variant(compiled)!;
    const { timing } = this;
    const stamps = timing?.next(record);
    const place = this.placeOfPart();
    // Timestamps are resolved with a submit, and the last part writes the second.
    this.timing = null;
    for (const [i, part] of parts.entries()) {
      const end = i === 0 ? "first" : i === parts.length - 1 ? "last" : null;
      if (end === "last") this.timing = timing;
      this.endPass();
      const pass = this.begin({
        label: compiled.program.name,
        ...(stamps && end ? { timestampWrites: stampsOf(stamps.timestampWrites, end) } : {}),
      });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, offset < 0 ? [] : [offset]);
      pass.setBindGroup(1, place.group);
      pass.dispatchWorkgroups(...part.size);
      this.dispatches++;
      this.note(cost, groupsOf(part.size) / groupsOf(grid));
      // A write takes effect before the submit that follows it, so one uniform serves all parts.
      this.device.queue.writeBuffer(place.uniform, 0, partUniform(part, grid));
      this.flush();
    }
  }

  private variant({ program, layout }: CompiledProgram): GPUComputePipeline | null {
    let variant = this.variants.get(program);
    if (variant === undefined) {
      const code = partVariant(program.wgsl);
      variant = code === null ? null : this.compile(program, layout, code);
      this.variants.set(program, variant);
    }
    return variant;
  }

  private compile({ name, overrides }: Program, { gpu }: SharedLayout, code: string) {
    const { device } = this;
    const label = `parts of ${name}`;
    return device.createComputePipeline({
      label,
      layout: device.createPipelineLayout({ bindGroupLayouts: [gpu, this.placeOfPart().layout] }),
      compute: {
        module: device.createShaderModule({ code, label }),
        entryPoint: "main",
        constants: { ...overrides },
      },
    });
  }

  private placeOfPart(): PartPlace {
    this.place ??= makePlace(this.device);
    return this.place;
  }
}

/** Milliseconds of a slow GPU. Kernels without a count are told by their bytes. */
function slowTime(
  { compiled: { program }, ranges, params, grid }: DispatchRecord,
  count: OperationCount | undefined,
): number {
  const { name, key, flops } = program;
  const operations = flops
    ? flops(params, grid)
    : (count?.(factsOf({ name, program: key, params, grid })) ?? 0);
  let bytes = 0;
  for (const range of ranges) bytes += range.bytes;
  const counted = Number.isFinite(operations) ? operations : 0;
  return counted / slow.operations + bytes / slow.bytes + slow.beginning;
}

/** Where a variant finds which part it is. */
interface PartPlace {
  readonly uniform: GPUBuffer;
  readonly layout: GPUBindGroupLayout;
  readonly group: GPUBindGroup;
}

function makePlace(device: GPUDevice): PartPlace {
  const label = "tilegrad part of a grid";
  const uniform = device.createBuffer({
    size: partBytes,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    label,
  });
  const visibility = GPUShaderStage.COMPUTE;
  const layout = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility, buffer: { type: "uniform" } }],
    label,
  });
  const entries = [{ binding: 0, resource: { buffer: uniform } }];
  return { uniform, layout, group: device.createBindGroup({ layout, entries, label }) };
}
