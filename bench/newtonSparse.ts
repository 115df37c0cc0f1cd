/**
 * Sinkhorn-Newton-Sparse against Sinkhorn's iteration, to the same marginal error: iterations, and milliseconds.
 *
 *   npm run bench -- newtonSparse [--sizes 300,700] [--epsilons 0.005,0.001] [--rounds 3] [--most 20000]
 *
 * Uniform points in the unit square at squared distances, and costs that are uniform numbers, as a matrix. `iterations`
 * of `newton` are those of Sinkhorn (warm-up, and one with each step that is tried) and Newton steps together; `cg` are
 * those of conjugate gradients within all steps, `slots` the entries of the fullest row or column of the last. Times are
 * medians of rounds in turns, with the wait; Sinkhorn is told how many iterations it will take, since it records them all
 * ahead.
 */
import { parseArgs } from "node:util";
import { init, random, type Tensor, transport } from "../src/node";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "300,700" },
    epsilons: { type: "string", default: "0.005,0.001" },
    rounds: { type: "string", default: "3" },
    most: { type: "string", default: "20000" },
  },
});
const numbers = (list: string): number[] => list.split(",").map(Number);
const rounds = Number(values.rounds);

const device = await init();
console.log(`${device.executor.adapter.description}; tolerance 1e-6\n`);

type Cost = Parameters<typeof transport.sinkhorn>[2];

const makers: Readonly<Record<string, (n: number) => Cost>> = {
  square: (n) => {
    const draw = (seed: number): Tensor => random.uniform(random.key(seed), [n, 2]);
    return transport.squaredEuclidean(draw(1), draw(2));
  },
  uniform: (n) => random.uniform(random.key(3), [n, n]),
};

interface Outcome {
  readonly iterations: number;
  readonly error: number;
  readonly note: string;
}

async function newton(cost: Cost, epsilon: number): Promise<Outcome> {
  using solved = await transport.sinkhornNewton(null, null, cost, { epsilon });
  const [report] = await solved.report();
  const [own] = solved.newton;
  const { newtonSteps, conjugateGradients, slots, fallback } = own!;
  return {
    iterations: report!.iterations,
    error: report!.marginalError,
    note: `${newtonSteps} steps, ${conjugateGradients} cg, ${slots} slots${fallback ? `, fell back: ${fallback}` : ""}`,
  };
}

async function sinkhorn(cost: Cost, epsilon: number, maxIterations: number): Promise<Outcome> {
  using solved = transport.sinkhorn(null, null, cost, { epsilon, maxIterations });
  const [report] = await solved.report();
  return { iterations: report!.iterations, error: report!.marginalError, note: "" };
}

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

const timed = async (times: number[], run: () => Promise<Outcome>): Promise<Outcome> => {
  const start = performance.now();
  const outcome = await run();
  times.push(performance.now() - start);
  return outcome;
};

const row = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i < 2 ? cell.padEnd(26) : cell.padStart(11))).join("");
console.log(row(["problem", "solver", "iterations", "error", "ms"]));

for (const [name, make] of Object.entries(makers))
  for (const n of numbers(values.sizes))
    for (const epsilon of numbers(values.epsilons)) {
      const cost = make(n);
      // The first runs compile, and tell how many iterations Sinkhorn takes.
      await newton(cost, epsilon);
      const { iterations: needed } = await sinkhorn(cost, epsilon, Number(values.most));
      const solvers = {
        newton: () => newton(cost, epsilon),
        sinkhorn: () => sinkhorn(cost, epsilon, needed),
      };
      const times: Record<string, number[]> = { newton: [], sinkhorn: [] };
      const outcomes: Record<string, Outcome> = {};
      for (let round = 0; round < rounds; round++)
        for (const [solver, solve] of Object.entries(solvers))
          outcomes[solver] = await timed(times[solver]!, solve);
      for (const [solver, { iterations, error, note }] of Object.entries(outcomes)) {
        const ms = median(times[solver]!);
        const cells = [String(iterations), error.toExponential(1), ms.toFixed(0)];
        console.log(`${row([`${name} ${n}, ${epsilon}`, solver, ...cells])}  ${note}`);
      }
      const ratio = outcomes["sinkhorn"]!.iterations / outcomes["newton"]!.iterations;
      const faster = median(times["sinkhorn"]!) / median(times["newton"]!);
      console.log(
        row(["", "ratio", `${ratio.toFixed(1)}x`, "", `${faster.toFixed(1)}x`]).trimEnd(),
      );
    }
await device.destroy();
