/**
 * Cholesky, solve (16 right sides) and QR against NumPy in the same run: milliseconds, wait included.
 *
 *   npm run bench -- linalg [--rounds 7] [--sizes 256,512,1024] [--python python3]
 *
 * How it is measured, and what `control` says: bench/peers/besideNumpy.ts.
 */
import { add, eye, linalg, matmul, mul, random, scope, type Tensor, transpose } from "../src/node";
import { besideNumpy, type Task } from "./peers/besideNumpy";

interface Given {
  readonly a: Tensor;
  readonly definite: Tensor;
  readonly b: Tensor;
}

const tasks: readonly Task<Given>[] = [
  { name: "cholesky", flops: (n) => n ** 3 / 3, run: ({ definite }) => linalg.cholesky(definite) },
  {
    name: "solve",
    flops: (n) => (2 * n ** 3) / 3 + 2 * 16 * n ** 2,
    run: ({ a, b }) => linalg.solve(a, b),
  },
  { name: "qr", flops: (n) => (8 * n ** 3) / 3, run: ({ a }) => linalg.qr(a) },
];

await besideNumpy("256,512,1024", tasks, (n) => {
  const key = random.key(n);
  const a = random.normal(key, [n, n]);
  const b = random.normal(key, [n, 16]);
  return { a, b, definite: scope(() => add(matmul(a, transpose(a, 0, 1)), mul(eye(n), n))) };
});
