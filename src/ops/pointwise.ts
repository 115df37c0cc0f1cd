/**
 * The pointwise operations: one row each. A row names the WGSL function, the element types it is defined
 * for, and its slopes; kernels, methods, tests and documentation read the row.
 *
 * The slope rule serves both modes of differentiation. A pointwise map has a diagonal Jacobian, which is
 * its own transpose: what multiplies a cotangent of the result multiplies a tangent of the operand too.
 */
import { DTypeError } from "../errors";
import {
  gridFor,
  launch,
  pointwiseBinary,
  pointwiseBinaryRows,
  pointwiseBinaryStrided,
  pointwiseTernaryRows,
  pointwiseTernaryStrided,
  pointwiseUnary,
  pointwiseUnaryStrided,
  pointwiseWhereRows,
  pointwiseWhereStrided,
} from "../kernels";
import type { Kernel } from "../kernels/kernel";
import { reachable } from "../kernels/reachable";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, storageType } from "../tensor/dtype";
import { broadcastShapes, type Shape, sameShape, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add } from "./arithmetic";
import { moveInto } from "./movement";
import { broughtFunctions } from "./pointwiseLibrary";
import type { PlainFunction, Primitive, Saves, Spec } from "./primitive";
import { sumTo } from "./reduce";
import { rowWalkOf } from "./rowWalk";
import { alignLanes } from "./rules";
import { expand } from "./shape";
import { bind } from "./trace";
import { type Walk, walkTogether } from "./walk";

/** Sent as data: WGSL has no literal for infinity and may assume there is none. */
const infinity = 0x7f800000;

/** Elements per invocation of the dense kernels: one vec4. */
const lanes = 4;

/** The WGSL function for each computing type; a missing one is not defined for that type. */
type Functions = Partial<Record<"f32" | "i32" | "u32", string>>;

// Function declarations: the operations' files import each other, and rows are made while they load.
// @__NO_SIDE_EFFECTS__
export function real(name: string): Functions {
  return { f32: name };
}
// @__NO_SIDE_EFFECTS__
export function signed(name: string): Functions {
  return { f32: name, i32: `${name}_i32` };
}
// @__NO_SIDE_EFFECTS__
export function numeric(name: string): Functions {
  return { ...signed(name), u32: `${name}_u32` };
}

/** The type a kernel computes in: f16 is widened, bool is its u32. */
export function computeType(dtype: DType): "f32" | "i32" | "u32" {
  const stored = storageType(dtype);
  return stored === "f16" ? "f32" : stored;
}

function functionFor(op: string, functions: Functions, dtype: DType, bool: boolean): string {
  const name = functions[computeType(dtype)];
  if (!name || (dtype === "bool" && !bool)) {
    const allowed = Object.keys(functions).concat(bool ? ["bool"] : []);
    throw new DTypeError(
      `${op}: not defined for ${dtype}; it takes ${allowed.join(", ")}. Convert with .to("${allowed[0]}").`,
    );
  }
  return name;
}

/** The strides with which an operand walks `shape`: 0 where it is broadcast. */
export function broadcastStrides(tensor: DeviceTensor, shape: Shape): number[] {
  const missing = shape.length - tensor.rank;
  return shape.map((_, i) =>
    i < missing || tensor.shape[i - missing] === 1 ? 0 : tensor.strides[i - missing]!,
  );
}

const narrowed = new Map<string, unknown>();

/** The kernel with only those of the shared functions that `fn` needs. */
function calling<B, P, O>(kernel: Kernel<B, P, O>, fn: string): Kernel<B, P, O> {
  const key = `${kernel.name} ${fn}`;
  let own = narrowed.get(key) as Kernel<B, P, O> | undefined;
  if (!own) {
    own = { ...kernel, source: reachable(kernel.source + broughtFunctions(), ["main", fn]) };
    narrowed.set(key, own);
  }
  return own;
}

const isScalar = (t: DeviceTensor): boolean => t.size === 1 && t.bindingOffset === 0;

/** Of the WGSL functions, those that move an element of their type unchanged. */
const identities: ReadonlySet<string> = new Set(["op_id", "op_id_i32", "op_id_u32"]);

/** One `OP` over any strides into a part of `target`, dense or not. */
export function runUnaryInto(x: DeviceTensor, target: DeviceTensor, slots: { OP: string }): void {
  if (x.dtype === target.dtype && identities.has(slots.OP) && moveInto(x, target)) return;
  const { rank, shape, strides } = walkTogether(x.shape, [x.strides, target.strides]);
  const perInvocation = shape.at(-1)! % lanes === 0 ? lanes : 1;
  const count = sizeOf(shape) / perInvocation;
  if (count === 0) return;
  const types = {
    T: storageType(x.dtype),
    C: computeType(x.dtype),
    R: storageType(target.dtype),
  } as const;
  launch(
    x.device,
    calling(pointwiseUnaryStrided, slots.OP),
    { x: x.binding, y: target.binding },
    {
      shape,
      strides: strides[0]!,
      out_strides: strides[1]!,
      count,
      offset: x.bindingOffset,
      out_offset: target.bindingOffset,
      infinity,
    },
    gridFor(x.device, count, 64),
    { types, slots, overrides: { RANK: rank, LANES: perInvocation } },
  );
}

function runUnary(x: DeviceTensor, out: Spec, fn: string): DeviceTensor {
  const y = DeviceTensor.empty(x.device, out.shape, out.dtype);
  if (!x.isDense) {
    runUnaryInto(x, y, { OP: fn });
    return y;
  }
  const count = Math.ceil(x.size / lanes);
  launch(
    x.device,
    calling(pointwiseUnary, fn),
    { x: x.binding, y: y.binding },
    { count, infinity },
    gridFor(x.device, count, 64),
    {
      types: { T: storageType(x.dtype), C: computeType(x.dtype), R: storageType(y.dtype) },
      slots: { OP: fn },
    },
  );
  return y;
}

function runBinary(a: DeviceTensor, b: DeviceTensor, out: Spec, fn: string): DeviceTensor {
  const y = DeviceTensor.empty(a.device, out.shape, out.dtype);
  const types = {
    T: storageType(a.dtype),
    C: computeType(a.dtype),
    R: storageType(y.dtype),
  } as const;
  const fits = (t: DeviceTensor) => isScalar(t) || (t.isDense && sameShape(t.shape, out.shape));
  if (fits(a) && fits(b)) {
    const count = Math.ceil(y.size / lanes);
    launch(
      a.device,
      calling(pointwiseBinary, fn),
      { a: a.binding, b: b.binding, y: y.binding },
      { count, infinity },
      gridFor(a.device, count, 64),
      {
        types,
        slots: { OP: fn },
        overrides: { A_SCALAR: isScalar(a) ? 1 : 0, B_SCALAR: isScalar(b) ? 1 : 0 },
      },
    );
    return y;
  }
  const walk = walkBroadcast([a, b], out.shape);
  const rows = rowWalkOf(a.device, [a, b], walk);
  if (rows) {
    launch(
      a.device,
      calling(pointwiseBinaryRows, fn),
      { a: a.binding, b: b.binding, y: y.binding },
      {
        shape: rows.shape,
        a_strides: rows.strides[0]!,
        b_strides: rows.strides[1]!,
        count: rows.count,
        a_offset: rows.offsets[0]!,
        b_offset: rows.offsets[1]!,
        infinity,
      },
      rows.grid,
      {
        types,
        slots: { OP: fn },
        overrides: {
          RANK: rows.rank,
          BY_GROUP: rows.byGroup,
          A_REPEATED: rows.repeated[0]!,
          B_REPEATED: rows.repeated[1]!,
        },
      },
    );
    return y;
  }
  const { rank, shape, strides } = walk;
  const perInvocation = shape.at(-1)! % lanes === 0 ? lanes : 1;
  const count = y.size / perInvocation;
  launch(
    a.device,
    calling(pointwiseBinaryStrided, fn),
    { a: a.binding, b: b.binding, y: y.binding },
    {
      shape,
      a_strides: strides[0]!,
      b_strides: strides[1]!,
      count,
      a_offset: a.bindingOffset,
      b_offset: b.bindingOffset,
      infinity,
    },
    gridFor(a.device, count, 64),
    { types, slots: { OP: fn }, overrides: { RANK: rank, LANES: perInvocation } },
  );
  return y;
}

/** g times the slope by one operand, when wanted; null for a slope of 0 everywhere. */
type Slope = (() => Tensor) | null;

/** What the slopes are written with: `y` has elements only where the row saves outputs. */
interface SlopeContext {
  readonly inputs: readonly Tensor[];
  readonly y: Tensor;
}

/** The three rules of an operation on operands that broadcast to the shape of its one result. */
type Rules = Pick<Primitive<null>, "vjp" | "jvp" | "batch">;

/** `slopes` gives one entry per operand, of the result's shape; null: the result does not move. */
function rulesOf(
  self: () => Primitive<null>,
  slopes: ((g: Tensor, c: SlopeContext) => readonly Slope[]) | null,
): Rules {
  return {
    vjp:
      slopes &&
      (([g], { inputs, outputs, needs }) =>
        slopes(g!, { inputs, y: outputs[0]! }).map((slope, i) =>
          slope && needs[i] ? sumTo(slope(), inputs[i]!.shape) : null,
        )),
    jvp:
      slopes &&
      ((tangents, { inputs, outputs }) => {
        const y = outputs[0]!;
        const terms = tangents.flatMap((t, i) => {
          const slope = t && slopes(expand(t, y.shape), { inputs, y })[i];
          return slope ? [slope()] : [];
        });
        return [terms.length > 0 ? terms.reduce((sum, term) => add(sum, term)) : null];
      }),
    batch: batchOf(self),
  };
}

function batchOf(self: () => Primitive<null>): NonNullable<Primitive<null>["batch"]> {
  return (inputs, context) => bind(self(), alignLanes(inputs, context), null);
}

/** The rules of a fused kernel, from what it computes written in plain operations. */
function rulesOfPlain(self: () => Primitive<null>, plain: PlainFunction): Rules {
  return {
    vjp: (cotangents, { inputs, pullback }) => pullback(plain, inputs, cotangents),
    jvp: (tangents, { inputs, pushforward }) => pushforward(plain, inputs, tangents),
    batch: batchOf(self),
  };
}

/** What rows of any number of operands say. */
interface Row {
  name: string;
  formula: string;
  /** What flows back. */
  derivative?: string;
  functions: Functions;
  /** Result type. Default: that of the operands. */
  result?: DType;
  /** True if bool operands are meaningful. */
  bool?: boolean;
  /** What the slopes read. Default: inputs; nothing where there are none. */
  saves?: Saves;
}

function described({ name, formula, derivative }: Row) {
  return { name, formula, ...(derivative && { derivative }) };
}

interface UnaryRow extends Row {
  /** g · dy/dx, or null for 0; null instead of a rule: the result does not move. */
  slope: ((g: Tensor, c: { x: Tensor; y: Tensor }) => Tensor | null) | null;
}

// @__NO_SIDE_EFFECTS__
export function unary(row: UnaryRow): Primitive<null> {
  const { name, functions, slope } = row;
  const check = (x: Spec): string => functionFor(name, functions, x.dtype, row.bool ?? false);
  const self: Primitive<null> = {
    ...described(row),
    saves: row.saves ?? (slope ? "inputs" : "nothing"),
    outputs: ([x]) => {
      check(x!);
      return [{ shape: x!.shape, dtype: row.result ?? x!.dtype }];
    },
    run: ([x], _, [out]) => [runUnary(x!, out!, check(x!))],
    pointwise: ([x]) => check(x!),
    vjp: slope && (([g], { inputs, outputs }) => [slope(g!, { x: inputs[0]!, y: outputs[0]! })]),
    jvp: slope && (([t], { inputs, outputs }) => [slope(t!, { x: inputs[0]!, y: outputs[0]! })]),
    batch: (inputs) => bind(self, inputs, null),
  };
  return self;
}

interface BinaryRow extends Row {
  /**
   * g times the slopes by a and b, of the result's shape; null: the result does not move. For a fused
   * kernel, what it computes in plain operations.
   */
  slopes:
    | ((g: Tensor, c: { a: Tensor; b: Tensor; y: Tensor }) => readonly [Slope, Slope])
    | { plain: (a: Tensor, b: Tensor) => Tensor }
    | null;
}

/** Both operands have the same dtype: the functions users call promote before they bind. */
// @__NO_SIDE_EFFECTS__
export function binary(row: BinaryRow): Primitive<null> {
  const { name, functions, slopes } = row;
  const check = (a: Spec, b: Spec): string => {
    if (a.dtype !== b.dtype)
      throw new DTypeError(`${name}: operands have dtypes ${a.dtype} and ${b.dtype}.`);
    return functionFor(name, functions, a.dtype, row.bool ?? false);
  };
  const rules =
    slopes && "plain" in slopes
      ? rulesOfPlain(
          () => self,
          (a, b) => [slopes.plain(a!, b!)],
        )
      : rulesOf(
          () => self,
          slopes && ((g, { inputs: [a, b], y }) => slopes(g, { a: a!, b: b!, y })),
        );
  const self: Primitive<null> = {
    ...described(row),
    saves: row.saves ?? (slopes ? "inputs" : "nothing"),
    outputs: ([a, b]) => {
      check(a!, b!);
      return [{ shape: broadcastShapes(name, a!.shape, b!.shape), dtype: row.result ?? a!.dtype }];
    },
    run: ([a, b], _, [out]) => [runBinary(a!, b!, out!, check(a!, b!))],
    pointwise: ([a, b]) => check(a!, b!),
    ...rules,
  };
  return self;
}

interface TernaryRow extends Row {
  /** g times the slopes by the operands, of the result's shape. */
  slopes: (
    g: Tensor,
    c: { inputs: readonly [Tensor, Tensor, Tensor] },
  ) => readonly [Slope, Slope, Slope];
}

// @__NO_SIDE_EFFECTS__
export function ternary(row: TernaryRow): Primitive<null> {
  const { name, functions, slopes } = row;
  const self: Primitive<null> = {
    ...described(row),
    saves: "inputs",
    outputs: ([a, b, c]) => {
      if (a!.dtype !== b!.dtype || a!.dtype !== c!.dtype)
        throw new DTypeError(
          `${name}: operands have dtypes ${a!.dtype}, ${b!.dtype} and ${c!.dtype}.`,
        );
      functionFor(name, functions, a!.dtype, false);
      return [{ shape: broadcastAll(name, [a!, b!, c!]), dtype: a!.dtype }];
    },
    run: (inputs, _, [out]) => [
      runTernary(inputs, out!, functionFor(name, functions, out!.dtype, false)),
    ],
    pointwise: ([a]) => functionFor(name, functions, a!.dtype, false),
    ...rulesOf(
      () => self,
      (g, { inputs }) => slopes(g, { inputs: inputs as unknown as [Tensor, Tensor, Tensor] }),
    ),
  };
  return self;
}

function runTernary(inputs: readonly DeviceTensor[], out: Spec, fn: string): DeviceTensor {
  const y = DeviceTensor.empty(inputs[0]!.device, out.shape, out.dtype);
  const walk = walkBroadcast(inputs, out.shape);
  const rows = rowWalkOf(y.device, inputs, walk);
  const [a, b, c] = inputs.map((t) => t.binding);
  const bindings = { a: a!, b: b!, c: c!, y: y.binding };
  const types = { T: storageType(y.dtype), C: computeType(y.dtype) } as const;
  if (rows) {
    launch(
      y.device,
      calling(pointwiseTernaryRows, fn),
      bindings,
      {
        shape: rows.shape,
        a_strides: rows.strides[0]!,
        b_strides: rows.strides[1]!,
        c_strides: rows.strides[2]!,
        count: rows.count,
        a_offset: rows.offsets[0]!,
        b_offset: rows.offsets[1]!,
        c_offset: rows.offsets[2]!,
        infinity,
      },
      rows.grid,
      {
        types,
        slots: { OP: fn },
        overrides: {
          RANK: rows.rank,
          BY_GROUP: rows.byGroup,
          A_REPEATED: rows.repeated[0]!,
          B_REPEATED: rows.repeated[1]!,
          C_REPEATED: rows.repeated[2]!,
        },
      },
    );
    return y;
  }
  launch(
    y.device,
    calling(pointwiseTernaryStrided, fn),
    bindings,
    {
      shape: walk.shape,
      a_strides: walk.strides[0]!,
      b_strides: walk.strides[1]!,
      c_strides: walk.strides[2]!,
      count: y.size,
      a_offset: inputs[0]!.bindingOffset,
      b_offset: inputs[1]!.bindingOffset,
      c_offset: inputs[2]!.bindingOffset,
      infinity,
    },
    gridFor(y.device, y.size, 64),
    { types, slots: { OP: fn }, overrides: { RANK: walk.rank } },
  );
  return y;
}

function broadcastAll(op: string, specs: readonly Spec[]): number[] {
  return specs.reduce<number[]>((shape, s) => broadcastShapes(op, shape, s.shape), []);
}

/** The operands with the strides at which they walk the result's shape. */
function walkBroadcast(inputs: readonly DeviceTensor[], shape: Shape): Walk {
  return walkTogether(
    shape,
    inputs.map((t) => broadcastStrides(t, shape)),
  );
}

/** `condition ? a : b`, the one pointwise operation with operands of two types. */
// @__NO_SIDE_EFFECTS__
export function wherePrimitive(
  slopes: (g: Tensor, condition: Tensor) => readonly [() => Tensor, () => Tensor],
): Primitive<null> {
  const self: Primitive<null> = {
    name: "where",
    formula: "condition ? a : b",
    derivative: "g to a where the condition holds, else to b",
    saves: { inputs: [0] },
    outputs: ([condition, a, b]) => {
      if (condition!.dtype !== "bool")
        throw new DTypeError(
          `where: condition has dtype ${condition!.dtype}; it takes bool. Use a comparison, or .to("bool").`,
        );
      if (a!.dtype !== b!.dtype)
        throw new DTypeError(`where: branches have dtypes ${a!.dtype} and ${b!.dtype}.`);
      return [{ shape: broadcastAll("where", [condition!, a!, b!]), dtype: a!.dtype }];
    },
    run: (inputs, _, [out]) => {
      const y = DeviceTensor.empty(inputs[0]!.device, out!.shape, out!.dtype);
      const walk = walkBroadcast(inputs, out!.shape);
      const rows = rowWalkOf(y.device, inputs, walk);
      const [condition, a, b] = inputs.map((t) => t.binding);
      const bindings = { condition: condition!, a: a!, b: b!, y: y.binding };
      const types = { T: storageType(y.dtype) } as const;
      if (rows) {
        launch(
          y.device,
          pointwiseWhereRows,
          bindings,
          {
            shape: rows.shape,
            condition_strides: rows.strides[0]!,
            a_strides: rows.strides[1]!,
            b_strides: rows.strides[2]!,
            count: rows.count,
            condition_offset: rows.offsets[0]!,
            a_offset: rows.offsets[1]!,
            b_offset: rows.offsets[2]!,
          },
          rows.grid,
          {
            types,
            overrides: {
              RANK: rows.rank,
              BY_GROUP: rows.byGroup,
              CONDITION_REPEATED: rows.repeated[0]!,
              A_REPEATED: rows.repeated[1]!,
              B_REPEATED: rows.repeated[2]!,
            },
          },
        );
        return [y];
      }
      launch(
        y.device,
        pointwiseWhereStrided,
        bindings,
        {
          shape: walk.shape,
          condition_strides: walk.strides[0]!,
          a_strides: walk.strides[1]!,
          b_strides: walk.strides[2]!,
          count: y.size,
          condition_offset: inputs[0]!.bindingOffset,
          a_offset: inputs[1]!.bindingOffset,
          b_offset: inputs[2]!.bindingOffset,
        },
        gridFor(y.device, y.size, 64),
        { types, overrides: { RANK: walk.rank } },
      );
      return [y];
    },
    pointwise: ([, a]) => functionFor("where", numeric("op_where"), a!.dtype, true),
    ...rulesOf(
      () => self,
      (g, { inputs }) => [null, ...slopes(g, inputs[0]!)],
    ),
  };
  return self;
}
