/** Tables of roots of unity, computed in f64 once per device and length. */
import type { Device } from "../device/device";
import { cos, sin } from "../elementary";
import { DeviceTensor } from "../tensor/deviceTensor";
import { keep } from "../tensor/scope";
import { Storage } from "../tensor/storage";

const tables = new WeakMap<Device, Map<string, DeviceTensor>>();
/** Lengths in use at once by a program are few; beyond this the oldest go. */
const maxTables = 64;

/** A tensor of constants, made from the host's numbers when it is first asked for. */
export function constantTable(
  device: Device,
  key: string,
  make: () => { shape: readonly number[]; values: Float32Array },
): DeviceTensor {
  let known = tables.get(device);
  if (!known) {
    known = new Map();
    tables.set(device, known);
  }
  let table = known.get(key);
  if (!table) {
    const { shape, values } = make();
    const storage = Storage.allocate(device, values.byteLength, `table ${key}`, "constant", true);
    table = keep(new DeviceTensor(storage, shape, "f32"));
    device.executor.write(storage.buffer, 0, values);
    if (known.size >= maxTables) {
      const [oldest] = known;
      oldest![1].dispose();
      known.delete(oldest![0]);
    }
    known.set(key, table);
  }
  return table.view(table.shape, table.strides);
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
