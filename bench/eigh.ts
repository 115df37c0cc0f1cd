/**
 * Eigenvalues and singular values against NumPy in the same run: milliseconds, wait included; and errors.
 *
 *   npm run bench -- eigh [--rounds 7] [--sizes 64,256,512] [--python python3]
 *
 * How it is measured, and what `control` says: bench/peers/besideNumpy.ts. The errors are those of f32
 * products as well: about 1e-6 of them belongs to the check itself.
 */
import {
  add,
  eye,
  linalg,
  matmul,
  mul,
  norm,
  random,
  readAll,
  scope,
  sub,
  type Tensor,
  transpose,
} from "../src/node";
import { besideNumpy, type Task } from "./peers/besideNumpy";

interface Given {
  readonly a: Tensor;
  readonly symmetric: Tensor;
}

const tasks: readonly Task<Given>[] = [
  { name: "eigh", run: ({ symmetric }) => linalg.eigh(symmetric) },
  { name: "eigvalsh", run: ({ symmetric }) => linalg.eigvalsh(symmetric) },
  { name: "svd", run: ({ a }) => linalg.svd(a) },
  { name: "svdvals", run: ({ a }) => linalg.svdvals(a) },
];

const turn = (x: Tensor): Tensor => transpose(x, 0, 1);

const make = (n: number): Given => {
  const a = random.normal(random.key(n), [n, n]);
  return { a, symmetric: scope(() => mul(add(a, turn(a)), 0.5)) };
};

await besideNumpy("64,256,512", tasks, make, async ({ a, symmetric }, n) => {
  const errors = scope(() => {
    const { eigenvalues, eigenvectors: v } = linalg.eigh(symmetric);
    const { U, S, Vh } = linalg.svd(a);
    const departure = (x: Tensor): Tensor => norm(sub(matmul(turn(x), x), eye(n)));
    return [
      norm(sub(matmul(symmetric, v), mul(v, eigenvalues))),
      norm(symmetric),
      departure(v),
      norm(sub(matmul(mul(U, S), Vh), a)),
      norm(a),
      departure(U),
      departure(turn(Vh)),
    ];
  });
  const [r, size, d, rs, sizes, du, dv] = (await readAll(errors)).map((x) => x[0]!);
  const show = (x: number): string => x.toExponential(1);
  console.log(
    `eigh ${n}: ‖A V - V Λ‖/‖A‖ ${show(r! / size!)}, ‖Vᵀ V - I‖ ${show(d!)}; svd ${n}: ‖U S Vᵀ - A‖/‖A‖ ${show(rs! / sizes!)}, ‖Uᵀ U - I‖ ${show(du!)}, ‖Vᵀ V - I‖ ${show(dv!)}`,
  );
});
