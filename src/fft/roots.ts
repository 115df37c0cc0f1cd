/** Tables of roots of unity, computed in f64 once per device and length. */
import type { Device } from "../device/device";
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

/** cos a and sin a for 0 <= a <= π/4, by their series to below 2^-53; the same bits in every engine. */
function cosAndSin(a: number): readonly [number, number] {
  const z = a * a;
  let cos = 1;
  let sin = 1;
  for (let k = 16; k >= 2; k -= 2) {
    cos = 1 - (cos * z) / (k * (k - 1));
    sin = 1 - (sin * z) / (k * (k + 1));
  }
  return [cos, a * sin];
}

/** e^(-2πi k / n) for whole k >= 0: reduced to an eighth of a turn by whole numbers, so without error. */
export function rootOfUnity(k: number, n: number): readonly [number, number] {
  const eighths = 8 * (k % n);
  const octant = Math.floor(eighths / n);
  const rest = eighths - octant * n;
  const mirrored = octant % 2 === 1;
  const [c, s] = cosAndSin((Math.PI / 4) * ((mirrored ? n - rest : rest) / n));
  // From the first eighth to quarter turns: odd eighths mirror at the diagonal.
  const [x, y] = mirrored ? [s, c] : [c, s];
  const quarter = Math.floor(octant / 2);
  const [cos, sin] = [
    [x, y],
    [-y, x],
    [-x, -y],
    [y, -x],
  ][quarter] as [number, number];
  return [cos, -sin];
}

/** The n-th roots of unity e^(-2πi k / n), [n, 2]. */
export function rootsOfUnity(device: Device, n: number): DeviceTensor {
  return constantTable(device, `roots ${n}`, () => {
    const values = new Float32Array(2 * n);
    for (let k = 0; k < n; k++) values.set(rootOfUnity(k, n), 2 * k);
    return { shape: [n, 2], values };
  });
}
