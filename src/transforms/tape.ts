/**
 * Reverse mode. While a function runs, the tape notes each operation that touches a followed value; going
 * through the notes backwards, each primitive's `vjp` turns cotangents of outputs into those of inputs.
 *
 * Memory: the tape keeps its own handles on the values the rules need, and drops those of each note as
 * soon as it is done with it, so memory falls as the backward pass proceeds.
 */
import type { Device } from "../device/device";
import { TilegradError } from "../errors";
import { add } from "../ops/arithmetic";
import type { Primitive } from "../ops/primitive";
import { bind, type CustomRule, resolve, type Trace, Tracer } from "../ops/trace";
import { type DType, type HostArray, isFloat } from "../tensor/dtype";
import { adopt, keep, scope } from "../tensor/scope";
import { type Shape, sameShape, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";

interface Note {
  readonly name: string;
  /** Cotangents of the operands from those of the outputs. */
  rule(
    cotangents: readonly (Tensor | null)[],
    needs: readonly boolean[],
  ): readonly (Tensor | null)[];
  /** Handles of the tape's own, dropped with the note. */
  readonly held: readonly Tensor[];
  readonly shapes: readonly Shape[];
  /** For each operand: where its value came from, or null if it is not followed. */
  readonly origins: readonly (Origin | null)[];
  readonly cotangents: (Tensor | null)[];
}

/** The output of a note, or a leaf: a note without a primitive. */
interface Origin {
  readonly cotangents: (Tensor | null)[];
  readonly index: number;
}

/** A value whose elements the rule said it would not need. */
class Unsaved extends Tensor {
  constructor(
    private readonly of: string,
    shape: Shape,
    dtype: DType,
    readonly device: Device,
  ) {
    super(shape, dtype);
  }

  readonly disposed = true;
  readonly owned = this;
  override dispose(): void {}

  override alias(): Tensor {
    return this;
  }

  override data(): Promise<HostArray> {
    throw new TilegradError(
      `The vjp of ${this.of} reads a value it does not declare in \`saves\`.`,
    );
  }
}

class TapeTracer extends Tracer {
  constructor(
    readonly trace: Tape,
    readonly primal: Tensor,
    readonly origin: Origin,
  ) {
    super(primal.shape, primal.dtype);
  }

  override alias(): Tensor {
    return new TapeTracer(this.trace, this.primal.alias(), this.origin);
  }
}

let depth = 0;

class Tape implements Trace {
  readonly level = ++depth;
  private notes: Note[] = [];

  /** Follows a value from here on. */
  leaf(value: Tensor): TapeTracer {
    return new TapeTracer(this, value, { cotangents: [null], index: 0 });
  }

  process<A>(primitive: Primitive<A>, operands: readonly Tensor[], attrs: A): Tensor[] {
    const lower = operands.map((t) => this.lower(t));
    const results = bind(primitive, lower, attrs);
    const { vjp } = primitive;
    if (!vjp || !results.some((o) => isFloat(o.dtype))) return results;
    const save = (t: Tensor, kept: boolean): Tensor =>
      kept ? t.alias() : new Unsaved(primitive.name, t.shape, t.dtype, t.device);
    const { saves } = primitive;
    const inputs = lower.map((t) => save(t, saves === "inputs" || saves === "everything"));
    const outputs = results.map((t) => save(t, saves === "outputs" || saves === "everything"));
    return this.note(
      primitive.name,
      operands,
      results,
      [...inputs, ...outputs],
      (cotangents, needs) => vjp(cotangents, { inputs, outputs, attrs, needs, pullback }),
    );
  }

  processCustom(rule: CustomRule, operands: readonly Tensor[]): Tensor[] {
    const { outputs, residuals } = rule.forward(...operands.map((t) => this.lower(t)));
    const held = residuals.map((t) => resolve(t).alias());
    return this.note(rule.name, operands, outputs.map(resolve), held, (cotangents) =>
      rule.backward(held, cotangents),
    );
  }

  private note(
    name: string,
    operands: readonly Tensor[],
    results: readonly Tensor[],
    held: readonly Tensor[],
    rule: Note["rule"],
  ): Tensor[] {
    const cotangents: (Tensor | null)[] = results.map(() => null);
    this.notes.push({
      name,
      rule,
      held,
      shapes: operands.map((t) => t.shape),
      origins: operands.map((t) => (this.owns(t) ? t.origin : null)),
      cotangents,
    });
    return results.map((o, index) =>
      isFloat(o.dtype) ? new TapeTracer(this, o, { cotangents, index }) : o,
    );
  }

  /** Adds a cotangent to what a followed value has received; ignores values that are not followed. */
  seed(value: Tensor, cotangent: Tensor): void {
    if (this.owns(value)) accumulate(value.origin, cotangent.alias());
  }

  /** One level out; the value itself if this tape does not follow it. */
  lower(value: Tensor): Tensor {
    return this.owns(value) ? value.primal : value;
  }

  backward(): void {
    for (let note = this.notes.pop(); note; note = this.notes.pop()) {
      try {
        if (note.cotangents.some((c) => c !== null)) this.pull(note);
      } finally {
        release(note);
      }
    }
  }

  /** Drops everything kept, for a tape that will not be played back. */
  release(): void {
    for (const note of this.notes.splice(0)) release(note);
  }

  private owns(value: Tensor): value is TapeTracer {
    return value instanceof TapeTracer && value.trace === this;
  }

  private pull(note: Note): void {
    const { origins } = note;
    const needs = origins.map((o) => o !== null);
    const results = scope(() =>
      note.rule(note.cotangents, needs).map((g, i) => {
        if (!g || !origins[i]) return null;
        checkCotangent(note, g, i);
        // A rule may return one tensor for several inputs, or the cotangent it was given.
        return g.alias();
      }),
    );
    results.forEach((g, i) => {
      if (g) accumulate(origins[i]!, g);
    });
  }
}

function checkCotangent(note: Note, g: Tensor, i: number): void {
  if (!sameShape(g.shape, note.shapes[i]!))
    throw new TilegradError(
      `The vjp of ${note.name} gave shape ${show(g.shape)} for input ${i} of shape ${show(note.shapes[i]!)}.`,
    );
}

/** `cotangent` is a handle of the origin's own. */
function accumulate(origin: Origin, cotangent: Tensor): void {
  const before = origin.cotangents[origin.index];
  if (!before) {
    origin.cotangents[origin.index] = cotangent;
    return;
  }
  origin.cotangents[origin.index] = keep(scope(() => add(before, cotangent)));
  before.dispose();
  cotangent.dispose();
}

function release(note: Note): void {
  for (const t of note.held) t.dispose();
  for (const c of note.cotangents) c?.dispose();
}

export interface Recorded<T> {
  /** What the function returned, one level out. */
  readonly result: T;
  /** The cotangents of the inputs, given those of the outputs. Call once. */
  pull(cotangents: readonly (Tensor | null)[]): (Tensor | null)[];
  /** Instead of `pull`, when no gradient is wanted after all. */
  release(): void;
}

/**
 * Runs `fn` on followed versions of `inputs`.
 * @param outputsOf picks the differentiated outputs from what `fn` returned
 * @param lowerAll replaces every tensor in the result by its value one level out
 */
export function record<T>(
  inputs: readonly Tensor[],
  fn: (followed: Tensor[]) => T,
  outputsOf: (result: T) => readonly Tensor[],
  lowerAll: (result: T, lower: (t: Tensor) => Tensor) => T,
): Recorded<T> {
  const tape = new Tape();
  const leaves: TapeTracer[] = [];
  const dropLeaves = (): (Tensor | null)[] =>
    leaves.map((leaf) => {
      leaf.dispose();
      return leaf.origin.cotangents[0]!;
    });
  const release = (): void => {
    tape.release();
    for (const cotangent of dropLeaves()) cotangent?.dispose();
  };
  const releasing = <R>(run: () => R): R => {
    try {
      return run();
    } catch (error) {
      release();
      throw error;
    }
  };
  try {
    return releasing(() => {
      for (const t of inputs) leaves.push(tape.leaf(resolve(t).alias()));
      const result = scope(() => fn(leaves));
      const outputs = outputsOf(result).map(resolve);
      // A leaf's own handle goes with the tape.
      const lower = (t: Tensor): Tensor => {
        const value = tape.lower(resolve(t));
        return leaves.some((leaf) => leaf.primal === value) ? adopt(value.alias()) : value;
      };
      return {
        result: lowerAll(result, lower),
        pull(cotangents) {
          releasing(() => {
            outputs.forEach((o, i) => {
              const c = cotangents[i];
              if (c) tape.seed(o, c);
            });
            tape.backward();
          });
          return dropLeaves().map((gradient) => gradient && adopt(gradient));
        },
        release,
      };
    });
  } finally {
    depth--;
  }
}

function pullback(
  fn: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
): (Tensor | null)[] {
  return record(
    inputs,
    (followed) => fn(...followed),
    (outputs) => outputs,
    (outputs) => outputs,
  ).pull(cotangents);
}
