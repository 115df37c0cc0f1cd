/** Tables of roots of unity, computed in f64 once per device and length. */
import type { Device } from "../device/device";
import { cos, sin } from "../elementary";
import { ConstantCache } from "../tensor/constantCache";
import type { DeviceTensor } from "../tensor/deviceTensor";

/** Lengths in use at once by a program are few. */
const tables = new ConstantCache(64);

/** A tensor of f32 constants, made from the host's numbers when it is first asked for. */
export function constantTable(
  device: Device,
  key: string,
  make: () => { shape: readonly number[]; values: Float32Array },
): DeviceTensor {
  return tables.get(device, key, () => {
    const { shape, values } = make();
    return { shape, dtype: "f32", data: values };
  });
}

/** e^(-2πi k / n) for whole k >= 0: quarter turns are split off in whole numbers, so that they are exact. */
export function rootOfUnity(k: number, n: number): readonly [number, number] {
  const quarters = 4 * (k % n);
  const quarter = Math.floor(quarters / n);
  const angle = ((Math.PI / 2) * (quarters - quarter * n)) / n;
  const [x, y] = [cos(angle), sin(angle)];
  const [re, im] = [
    [x, y],
    [-y, x],
    [-x, -y],
    [y, -x],
  ][quarter] as [number, number];
  return [re, -im];
}

/** The n-th roots of unity e^(-2πi k / n), [n, 2]. */
export function rootsOfUnity(device: Device, n: number): DeviceTensor {
  return constantTable(device, `roots ${n}`, () => {
    const values = new Float32Array(2 * n);
    for (let k = 0; k < n; k++) values.set(rootOfUnity(k, n), 2 * k);
    return { shape: [n, 2], values };
  });
}
