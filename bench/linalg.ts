/**
 * Cholesky, solve (16 right sides) and QR against NumPy in the same run: milliseconds, wait included.
 *
 *   npm run bench -- linalg [--rounds 7] [--sizes 256,512,1024] [--python python3]
 *
 * Each round runs all of them in turn, so that other load on the machine meets all of them; the figures are
 * medians, the best round in brackets. `control` is ours measured twice in each round: their ratio must
 * read 1.0, or the differences beside it are noise. NumPy uses as many threads as it likes.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import {
  add,
  eye,
  init,
  linalg,
  matmul,
  mul,
  random,
  scope,
  type Tensor,
  transpose,
} from "../src/node";
import { Peer } from "./peers/peer";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    sizes: { type: "string", default: "256,512,1024" },
    python: { type: "string", default: "python3" },
  },
});
const rounds = Number(values.rounds);
const sizes = values.sizes.split(",").map(Number);

const hasNumpy = spawnSync(values.python, ["-c", "import numpy"]).status === 0;
const numpy = hasNumpy ? new Peer("NumPy", [values.python, "bench/peers/serve_numpy.py"]) : null;

const device = await init();
const { adapter } = device.executor;
console.log(`adapter ${adapter.description || adapter.vendor}; ${numpy ? "NumPy" : "no NumPy"}`);

interface Task {
  readonly name: "cholesky" | "solve" | "qr";
  /** Operations, as LAPACK counts them. */
  flops(n: number): number;
  run(a: Tensor, definite: Tensor, b: Tensor): unknown;
}

const tasks: readonly Task[] = [
  { name: "cholesky", flops: (n) => n ** 3 / 3, run: (_, definite) => linalg.cholesky(definite) },
  {
    name: "solve",
    flops: (n) => (2 * n ** 3) / 3 + 2 * 16 * n ** 2,
    run: (a, _, b) => linalg.solve(a, b),
  },
  { name: "qr", flops: (n) => (8 * n ** 3) / 3, run: (a) => linalg.qr(a) },
];

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const show = (list: readonly number[]): string =>
  `${median(list).toFixed(1)} (${Math.min(...list).toFixed(1)})`.padStart(16);

console.log("                          ours, ms  control       NumPy, ms  NumPy/ours  GFLOP/s");
for (const n of sizes) {
  const key = random.key(n);
  const a = random.normal(key, [n, n]);
  const b = random.normal(key, [n, 16]);
  const definite = scope(() => add(matmul(a, transpose(a, 0, 1)), mul(eye(n), n)));
  for (const task of tasks) {
    const time = async (): Promise<number> => {
      const start = performance.now();
      scope(() => {
        task.run(a, definite, b);
      });
      await device.synchronize();
      return performance.now() - start;
    };
    // Compiles.
    await time();
    const [ours, control, theirs]: number[][] = [[], [], []];
    for (let r = 0; r < rounds; r++) {
      ours!.push(await time());
      if (numpy) theirs!.push(await numpy.time(task.name, { size: n }, 1));
      control!.push(await time());
    }
    const own = median(ours!);
    console.log(
      `${`${task.name} ${n}`.padEnd(18)}${show(ours!)} ${(median(control!) / own).toFixed(2).padStart(8)}${numpy ? show(theirs!) : "".padStart(16)} ${(numpy ? (median(theirs!) / own).toFixed(2) : "").padStart(11)} ${(task.flops(n) / own / 1e6).toFixed(1).padStart(8)}`,
    );
  }
  for (const t of [a, b, definite]) t.dispose();
}
numpy?.end();
await device.destroy();
