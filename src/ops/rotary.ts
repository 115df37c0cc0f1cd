/** Rotary position embedding: pairs of elements turned by angles that grow with the position. */
import type { Device } from "../device/device";
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { attentionRotary, gridFor, launch } from "../kernels";
import { requireOptions } from "../options";
import { upload } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import type { Primitive } from "./primitive";
import { batchByLane, jvpOfLinear, withLanes } from "./rules";
import { dense, expand, to } from "./shape";
import { bind } from "./trace";

export interface RotaryOptions {
  /** Pair i turns by position · base^(-2 i / dims). Default 10000. */
  base?: number;
  /** The position of the first row. Default 0. */
  offset?: number;
  /** Instead of `offset`: i32, broadcasts to the dimensions of x but the last. */
  positions?: Tensor;
  /** Which dimension counts the positions, without `positions`. Default -2, the one before the last. */
  dim?: number;
  /** How many leading elements of each row are turned, an even number. Default: all. */
  dims?: number;
  /**
   * True: neighbours (2 i, 2 i + 1) are pairs, as in GPT-J. False: (i, i + dims / 2), as in GPT-NeoX and
   * Llama. Default false.
   */
  interleaved?: boolean;
}

interface RotaryAttrs {
  readonly pairs: number;
  readonly interleaved: boolean;
  readonly offset: number;
  /** Row r has position offset + ⌊r / after⌋ mod time. */
  readonly after: number;
  readonly time: number;
  /** 1, or -1 to turn back. */
  readonly sense: 1 | -1;
}

/** Inputs: x [..., D], frequencies u32 [pairs, 2], and i32 positions [...] where there are any. */
const rotaryPrimitive: Primitive<RotaryAttrs> = {
  name: "rotaryEmbedding",
  formula:
    "(a cos t - b sin t, a sin t + b cos t) for pairs (a, b) of each row, t = position · frequency",
  derivative: "the same, turned back",
  saves: { inputs: [1, 2] },
  outputs: ([x]) => {
    requireDType("rotaryEmbedding", "x", x!.dtype, ["f32"]);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  run: ([x, frequencies, positions], { pairs, interleaved, offset, after, time, sense }, [out]) => {
    const { device } = x!;
    const y = DeviceTensor.empty(device, out!.shape, out!.dtype);
    const held = [dense(x!), dense(frequencies!), dense(positions ?? x!)] as const;
    const width = out!.shape.at(-1)!;
    const rows = y.size / width;
    launch(
      device,
      attentionRotary,
      {
        x: held[0].binding,
        frequency: held[1].binding,
        positions: held[2].binding,
        y: y.binding,
      },
      { rows, width, pairs, after, time, offset, sense },
      gridFor(device, rows * (width - pairs), 64),
      { overrides: { INTERLEAVED: interleaved ? 1 : 0, POSITIONS: positions ? 1 : 0 } },
    );
    for (const t of held) t.dispose();
    return [y];
  },
  vjp: ([g], { inputs: [, ...fixed], attrs }) => {
    const back = { ...attrs, sense: attrs.sense === 1 ? -1 : 1 } as const;
    return [bind(rotaryPrimitive, [g!, ...fixed], back)[0]!, ...fixed.map(() => null)];
  },
  jvp: jvpOfLinear(() => rotaryPrimitive, [0]),
  // Frequencies come from numbers: users have no lanes of them.
  batch: (inputs, context) => {
    if (context.batched[1]) return batchByLane(() => rotaryPrimitive)(inputs, context);
    const [x, , ...positions] = withLanes(inputs, context);
    return bind(rotaryPrimitive, [x!, inputs[1]!, ...positions], context.attrs);
  },
};

/** base^(-2 i / (2 pairs)) / 2π for each pair, as 64 bits after the binary point, high word first. */
function frequencyTable(device: Device, pairs: number, base: number): Tensor {
  const words = new Uint32Array(2 * pairs);
  for (let i = 0; i < pairs; i++) {
    const turns = (base ** (-i / pairs) / (2 * Math.PI)) * 2 ** 32;
    words[2 * i] = Math.floor(turns);
    words[2 * i + 1] = Math.floor((turns - Math.floor(turns)) * 2 ** 32);
  }
  return upload(words, [pairs, 2], { device });
}

/**
 * Rotary position embedding (Su et al. 2021): turns each pair of elements of a row by an angle proportional
 * to the row's position, so that a product of two rows depends on how far apart they are.
 *
 * Angles are kept as 64-bit fractions of a turn, so they are as exact at position 1,000,000 as at 1.
 *
 * @param x [..., T, D] with D even: queries or keys before attention; f16 is computed in f32
 * @param options `base`; `offset`, the position of the first row, or `positions`; `dim`, which dimension
 * counts positions: -3 for [B, T, H, D]; `dims`, how many elements of a row are turned; `interleaved`
 * @returns like x
 * @throws ShapeError for an odd number of dims, or positions that do not broadcast; DTypeError for x that is
 * not floating-point or positions that are not i32; ArgumentError for a base or an offset that cannot be used
 * @example
 * const [q, k] = [rotaryEmbedding(q0, { offset: past }), rotaryEmbedding(k0, { offset: past })];
 */
export function rotaryEmbedding(x: Tensor, options: RotaryOptions = {}): Tensor {
  const {
    base = 10000,
    offset = 0,
    positions,
    interleaved = false,
  } = requireOptions("rotaryEmbedding", options, "positions");
  const width = x.shape.at(-1) ?? 0;
  const { dims = width } = options;
  const op = "rotaryEmbedding";
  if (!isFloat(x.dtype))
    throw new DTypeError(`${op}: x has dtype ${x.dtype}; convert with .to("f32").`);
  if (x.rank < 2)
    throw new ShapeError(`${op}: x has shape ${show(x.shape)}; it needs rows, [..., T, D].`);
  if (!Number.isInteger(dims) || dims < 2 || dims % 2 !== 0 || dims > width)
    throw new ShapeError(
      `${op}: ${dims} of the ${width} elements of a row are to be turned; that must be an even number from 2 to ${width}. Pass dims.`,
    );
  if (!(base >= 1 && Number.isFinite(base)))
    throw new ArgumentError(`${op}: base ${base} must be a finite number >= 1.`);
  if (!Number.isInteger(offset) || Math.abs(offset) >= 2 ** 31)
    throw new ArgumentError(`${op}: offset ${offset} must be a whole number within i32.`);
  if (positions && options.offset !== undefined)
    throw new ArgumentError(
      `${op}: give either offset or positions; add the offset to the positions.`,
    );
  const outer = x.shape.slice(0, -1);
  if (positions) checkPositions(positions, outer);
  const at = normalizeDim(op, options.dim ?? -2, x.rank);
  if (at === x.rank - 1)
    throw new ShapeError(`${op}: dim ${options.dim} is the rows' own; positions count another.`);
  const pairs = dims / 2;
  const attrs = {
    pairs,
    interleaved,
    offset,
    after: sizeOf(x.shape.slice(at + 1, -1)),
    time: x.shape[at]!,
    sense: 1,
  } as const;
  return scope(() => {
    const fixed = [
      frequencyTable(x.device, pairs, base),
      ...(positions ? [expand(positions, outer)] : []),
    ];
    const y = bind(rotaryPrimitive, [to(x, "f32"), ...fixed], attrs)[0]!;
    return to(y, x.dtype);
  });
}

function checkPositions(positions: Tensor, outer: readonly number[]): void {
  if (positions.dtype !== "i32")
    throw new DTypeError(
      `rotaryEmbedding: positions have dtype ${positions.dtype}; convert with .to("i32").`,
    );
  const skip = outer.length - positions.rank;
  if (skip < 0 || positions.shape.some((d, i) => d !== 1 && d !== outer[i + skip]))
    throw new ShapeError(
      `rotaryEmbedding: positions have shape ${show(positions.shape)}; they must broadcast to ${show(outer)}, the rows of x.`,
    );
}

export const rotaryPrimitives = [rotaryPrimitive];
