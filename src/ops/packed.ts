/**
 * Packed element types (bf16, i8, i4) beneath the operations. A primitive never meets them unless its record says
 * `takesPacked`: `bind` widens packed operands to f32 or i32, and rounds f32 results to bf16 where all
 * floating-point operands were bf16, as PyTorch does. Integer results stay i32.
 */
import { gridFor, launch, storagePack, storageUnpack } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat, isPacked, type PackedDType, storedBytes, widened } from "../tensor/dtype";
import type { Primitive, Spec } from "./primitive";
import { dense } from "./shape";

const perWord: Readonly<Record<PackedDType, 2 | 4 | 8>> = { bf16: 2, i8: 4, i4: 8 };

/** A dense f32 (for bf16) or i32 tensor, packed. Rounds to nearest, ties to even; integers saturate. */
export function pack(x: DeviceTensor, dtype: PackedDType): DeviceTensor {
  const y = DeviceTensor.empty(x.device, x.shape, dtype);
  const count = storedBytes(dtype, x.size) / 4;
  if (count > 0)
    launch(
      x.device,
      storagePack,
      { x: x.binding, y: y.binding },
      { count, size: x.size },
      gridFor(x.device, count, 64),
      { slots: { PACK: `pack_${dtype}` }, overrides: { PER_WORD: perWord[dtype] } },
    );
  return y;
}

/** A packed tensor as f32 or i32. */
export function unpack(x: DeviceTensor): DeviceTensor {
  const dtype = x.dtype as PackedDType;
  const y = DeviceTensor.empty(x.device, x.shape, widened(dtype));
  const count = Math.ceil(x.size / 4);
  if (count > 0)
    launch(
      x.device,
      storageUnpack,
      { x: x.binding, y: y.binding },
      { count },
      gridFor(x.device, count, 64),
      { slots: { UNPACK: `unpack_${dtype}` } },
    );
  return y;
}

/** What is known of an operand once it is widened. */
export function widenedSpec({ shape, dtype }: Spec): Spec {
  return { shape, dtype: widened(dtype) };
}

/** Whether results that a primitive computes in f32 are rounded, as its operands are. */
function isRounded(inputs: readonly Spec[]): boolean {
  const floats = inputs.filter((t) => isFloat(t.dtype));
  return floats.length > 0 && floats.every((t) => t.dtype === "bf16");
}

/** What a primitive gives for operands of any type: its own rule knows packed ones only where it takes them. */
export function outputSpecs<A>(
  primitive: Primitive<A>,
  inputs: readonly Spec[],
  attrs: A,
): readonly Spec[] {
  if (primitive.takesPacked || !inputs.some((t) => isPacked(t.dtype)))
    return primitive.outputs(inputs, attrs);
  const specs = primitive.outputs(inputs.map(widenedSpec), attrs);
  if (!isRounded(inputs)) return specs;
  return specs.map((s) => (s.dtype === "f32" ? { shape: s.shape, dtype: "bf16" } : s));
}

/** Runs a primitive that knows nothing of packed types on operands of which some are packed. */
export function onWidened(
  inputs: readonly DeviceTensor[],
  run: (wide: readonly DeviceTensor[]) => DeviceTensor[],
): DeviceTensor[] {
  const wide = inputs.map((t) => (isPacked(t.dtype) ? unpack(t) : t));
  const results = run(wide);
  wide.forEach((t, i) => {
    if (t !== inputs[i]) t.dispose();
  });
  if (!isRounded(inputs)) return results;
  return results.map((t) => (t.dtype === "f32" ? rounded(t) : t));
}

/** Takes the place of an f32 result of any layout. */
function rounded(result: DeviceTensor): DeviceTensor {
  const rows = dense(result);
  const y = pack(rows, "bf16");
  rows.dispose();
  result.dispose();
  return y;
}
