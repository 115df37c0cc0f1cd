/**
 * Operations on matrices beside NumPy's, in the same run: milliseconds, wait included.
 *
 * Each round runs both in turn, so that other load on the machine meets both; the figures are medians, the
 * best round in brackets. `control` is ours measured twice in each round: their ratio must read 1.0, or the
 * differences beside it are noise. NumPy uses as many threads as it likes.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { type Device, init, scope } from "../../src/node";
import { Engine } from "../frame/engine";
import { median } from "../frame/row";

export interface Task<Given> {
  /** Known to serve_numpy.py under the same name. */
  readonly name: string;
  /** Operations, as LAPACK counts them; absent where the count depends on the data. */
  flops?(n: number): number;
  run(given: Given): unknown;
}

const show = (list: readonly number[]): string =>
  `${median(list)!.toFixed(1)} (${Math.min(...list).toFixed(1)})`.padStart(18);

/**
 * Arguments: [--rounds 7] [--sizes 256,512,1024] [--python python3].
 * @param make what the tasks of a size work on
 * @param then what else to say of a size, after its times
 */
export async function besideNumpy<Given>(
  usualSizes: string,
  tasks: readonly Task<Given>[],
  make: (n: number) => Given,
  then: (given: Given, n: number, device: Device) => Promise<void> = async () => {},
): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "7" },
      sizes: { type: "string", default: usualSizes },
      python: { type: "string", default: "python3" },
    },
  });
  const hasNumpy = spawnSync(values.python, ["-c", "import numpy"]).status === 0;
  const numpy = hasNumpy
    ? new Engine("NumPy", [values.python, "bench/peers/serve_numpy.py"])
    : null;
  const device = await init();
  const { adapter } = device.executor;
  console.log(`adapter ${adapter.description || adapter.vendor}; ${numpy ? "NumPy" : "no NumPy"}`);
  console.log(
    `${"".padEnd(18)}${"ours, ms".padStart(18)}  control${"NumPy, ms".padStart(18)}  NumPy/ours  GFLOP/s`,
  );
  for (const n of values.sizes.split(",").map(Number)) {
    const given = make(n);
    for (const task of tasks) {
      const time = async (): Promise<number> => {
        const start = performance.now();
        scope(() => {
          task.run(given);
        });
        await device.synchronize();
        return performance.now() - start;
      };
      // Compiles.
      await time();
      const key = `${task.name} ${n}`;
      await numpy?.make(key, task.name, { size: n });
      await numpy?.first(key);
      const [ours, control, theirs]: [number[], number[], number[]] = [[], [], []];
      for (let r = 0; r < Number(values.rounds); r++) {
        ours.push(await time());
        if (numpy) theirs.push(await numpy.first(key));
        control.push(await time());
      }
      const own = median(ours)!;
      const cells = [
        key.padEnd(18),
        show(ours),
        (median(control)! / own).toFixed(2).padStart(9),
        numpy ? show(theirs) : "".padStart(18),
        (numpy ? (median(theirs)! / own).toFixed(2) : "").padStart(12),
        (task.flops ? (task.flops(n) / own / 1e6).toFixed(1) : "").padStart(9),
      ];
      console.log(cells.join(""));
    }
    await then(given, n, device);
  }
  numpy?.end();
  await device.destroy();
}
