/**
 * Our end of bench/frame/engine.ts: what tilegrad does for each task.
 *
 *   node dist/bench/ours.mjs cpu|webgpu [--threads N] [--relaxed] [--eager]
 */
import { parseArgs } from "node:util";
import packageJson from "../../package.json" with { type: "json" };
import {
  add,
  argmax,
  crossEntropy,
  gelu,
  grad,
  type HostTensor,
  init,
  layerNorm,
  logSumExp,
  matmul,
  max,
  memory,
  mul,
  nn,
  optim,
  profile,
  random,
  rmsNorm,
  scaledDotProductAttention,
  scope,
  softmax,
  sort,
  sum,
  type Tensor,
  type TrainStepOptions,
  tensor,
  trainStep,
  transport,
  transpose,
} from "../../src/node";
import { assign } from "../../src/ops/assign";
import { nodePlatform } from "../../src/platform/node";
import { rooflineOf } from "../../src/profile/roofline";
import { serve, type Work } from "../peers/serve.mjs";
import {
  adamw,
  type ConvNetProblem,
  convNetWeights,
  digitBatches,
  type GptProblem,
  gptBatches,
  gptWeights,
} from "../peers/trainingProblems.mjs";
import { clouds, type TransportProblem } from "../peers/transportProblem.mjs";
import { openWebGPU, type WebGPUCounts } from "../peers/webgpu";
import { measureDispatches } from "./dispatches";
import { measureRefreshes, type RefreshProblem } from "./refreshes";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string" },
    relaxed: { type: "boolean", default: false },
    eager: { type: "boolean", default: false },
  },
});
const executor = positionals[0] === "cpu" ? "cpu" : "webgpu";
const counts: WebGPUCounts | null = executor === "webgpu" ? await openWebGPU() : null;
const device = await init({
  executor,
  ...(executor === "cpu" ? { relaxedSimd: flags.relaxed } : {}),
  ...(flags.threads ? { threads: Number(flags.threads) } : {}),
});

let drawn = 0;
const normal = (...shape: number[]): Tensor => random.normal(random.key(++drawn), shape);
const indices = (below: number, ...shape: number[]): Tensor =>
  random.randint(random.key(++drawn), 0, below, shape);
const turned = (rows: number, cols: number): Tensor => transpose(normal(cols, rows), 0, 1);

interface Repeated {
  /** Times that the operation is done before waiting. Default 1. */
  readonly repeats?: number;
}

/** An operation done `repeats` times, then waited for. */
const repeated =
  ({ repeats = 1 }: Repeated, operation: () => unknown) =>
  async (): Promise<void> => {
    scope(() => {
      for (let i = 0; i < repeats; i++) operation();
    });
    await device.synchronize();
  };

interface Backward extends Repeated {
  readonly backward?: boolean;
}

/** `f`, or with `backward` the gradient with respect to all its arguments against a fixed cotangent. */
function maybeBackward(options: Backward, f: (...xs: Tensor[]) => Tensor, inputs: Tensor[]) {
  if (!options.backward) return repeated(options, () => f(...inputs));
  const cotangent = scope(() => normal(...f(...inputs).shape));
  const gradient = grad((xs: Tensor[]) => sum(mul(f(...xs), cotangent)));
  return repeated(options, () => gradient(inputs));
}

/** Steps with their losses, and what they sent. */
function training(advance: () => Tensor): Work & Record<string, unknown> {
  const losses: number[] = [];
  const read = async (loss: Tensor): Promise<void> => {
    losses.push(await loss.item());
  };
  const run = (): Promise<void> => read(advance());
  return {
    run,
    async losses(count: number): Promise<number[]> {
      while (losses.length < count) await run();
      return losses.slice(0, count);
    },
    /** Dispatches and submits of a step, without the reading of its loss. */
    async traffic(): Promise<{ dispatches: number; submits: number }> {
      await device.synchronize();
      const before = { ...device.executor.counters };
      const loss = advance();
      const { dispatches, submits } = { ...device.executor.counters };
      await read(loss);
      return { dispatches: dispatches - before.dispatches, submits: submits - before.submits };
    },
  };
}

const eager: TrainStepOptions & { compile?: boolean } = flags.eager ? { compile: false } : {};

function optimizerOf(parameters: readonly [string, nn.Parameter][]) {
  const { weightDecay, ...options } = adamw;
  return optim.adamw(
    [
      { params: parameters.filter(([, p]) => p.rank >= 2), weightDecay },
      { params: parameters.filter(([, p]) => p.rank < 2), weightDecay: 0 },
    ],
    options,
  );
}

class ConvNet extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly conv2: nn.Conv2d;
  readonly head: nn.Linear;

  constructor({ channels: [first, second], classes, side }: ConvNetProblem) {
    super();
    this.conv1 = new nn.Conv2d(1, first, 3, { padding: 1 });
    this.conv2 = new nn.Conv2d(first, second, 3, { padding: 1 });
    this.head = new nn.Linear(second * (side / 4) ** 2, classes);
  }

  forward(x: Tensor): Tensor {
    const { maxPool2d, relu } = nn.functional;
    const first = maxPool2d(relu(this.conv1.forward(x)), 2);
    const second = maxPool2d(relu(this.conv2.forward(first)), 2);
    return this.head.forward(second.flatten(1));
  }
}

interface Pair {
  readonly input: HostTensor;
  readonly target: HostTensor;
}

const tasks = {
  /** A linear layer's product, or that of a cotangent: its weight is [outputs, inputs]. */
  async linear(
    options: Repeated & { rows: number; inputs: number; outputs: number; part: string },
  ) {
    const { rows, inputs, outputs, part } = options;
    const [a, b] =
      part === "forward"
        ? [normal(rows, inputs), turned(inputs, outputs)]
        : part === "dX"
          ? [normal(rows, outputs), normal(outputs, inputs)]
          : [turned(outputs, rows), normal(rows, inputs)];
    return repeated(options, () => matmul(a, b));
  },

  async matmul(options: Repeated & { batch: number[]; m: number; n: number; k: number }) {
    const { batch, m, n, k } = options;
    const [a, b] = [normal(...batch, m, k), normal(...batch, k, n)];
    return repeated(options, () => matmul(a, b));
  },

  async attention(
    options: Backward & { batch: number; heads: number; context: number; width: number },
  ) {
    const { batch, heads, context, width } = options;
    const inputs = Array.from({ length: 3 }, () => normal(batch, heads, context, width));
    return {
      run: maybeBackward(
        options,
        (q, k, v) => scaledDotProductAttention(q!, k!, v!, { causal: true }),
        inputs,
      ),
      /** The most that tensors took while it ran, its inputs included. */
      async peak(): Promise<number> {
        device.pool.resetPeak();
        await this.run();
        return memory(device).peakBytes;
      },
    };
  },

  async norm(options: Backward & { kind: string; rows: number; width: number }) {
    const { kind, rows, width } = options;
    const inputs = [normal(rows, width), normal(width), normal(width)];
    return kind === "layer"
      ? maybeBackward(options, (x, w, b) => layerNorm(x!, [width], w!, b!), inputs)
      : maybeBackward(options, (x, w) => rmsNorm(x!, [width], w!, 1e-5), inputs.slice(0, 2));
  },

  async reduce(options: Repeated & { kind: string; rows: number; width: number; dim?: number }) {
    const { kind, rows, width, dim } = options;
    const x = normal(rows, width);
    const along = dim === undefined ? {} : { dim };
    const run: Record<string, () => unknown> = {
      sum: () => sum(x, along),
      max: () => max(x, along),
      argmax: () => argmax(x, along),
      logsumexp: () => logSumExp(x, { dim: 1 }),
      softmax: () => softmax(x, 1),
    };
    return repeated(options, run[kind]!);
  },

  async crossEntropy(options: Backward & { rows: number; classes: number }) {
    const { rows, classes } = options;
    const target = indices(classes, rows);
    return maybeBackward(options, (x) => crossEntropy(x!, target), [normal(rows, classes)]);
  },

  async elementwise(options: Repeated & { kind: string; rows: number; width: number }) {
    const { kind, rows, width } = options;
    const [x, y, row] = [normal(rows, width), normal(rows, width), normal(width)];
    const run: Record<string, () => unknown> = {
      add: () => add(x, y),
      "add a row": () => add(x, row),
      gelu: () => gelu(x),
      sort: () => sort(x),
      normal: () => normal(rows, width),
    };
    return repeated(options, run[kind]!);
  },

  async adamw(options: Repeated & { tensors: number; rows: number; width: number }) {
    const { tensors, rows, width } = options;
    const layers = Array.from(
      { length: tensors },
      () => new nn.Linear(width, rows, { bias: false }),
    );
    const optimizer = optim.adamw(new nn.ModuleList(layers).namedParameters(), {
      lr: 1e-3,
      weightDecay: 0.1,
    });
    // The gradients are where a backward pass leaves them, in each engine; in trainStep that is the arena.
    layers.forEach((_, i) => {
      const gradient = normal(rows, width);
      assign(optimizer.gradientView(i), gradient);
      gradient.dispose();
    });
    return repeated(options, () => optimizer.step());
  },

  /** Host milliseconds of dispatches by way, one figure a round. */
  async dispatches({ dispatches, rounds }: { dispatches: number; rounds: number }) {
    return {
      run: async () => undefined,
      measure: () => measureDispatches(device, dispatches, rounds),
    };
  },

  /** GaLore's refresh beside an exact SVD. */
  async refreshes({ problem, rounds }: { problem: RefreshProblem; rounds: number }) {
    return {
      run: async () => undefined,
      measure: () => measureRefreshes(device, problem, rounds),
    };
  },

  /** Sinkhorn's iterations, all of them: no error is small enough to stop. Uniform weights. */
  async sinkhorn(problem: TransportProblem) {
    const { epsilon, dense, iterations } = problem;
    const [x, y] = clouds(problem).map(({ values, shape }) => tensor(values, { shape }));
    const points = transport.squaredEuclidean(x!, y!);
    const cost = dense ? transport.costMatrix(points) : points;
    const solve = (maxIterations: number) =>
      transport.sinkhorn(null, null, cost, { epsilon, maxIterations, tolerance: 0 });
    const run = async (): Promise<void> => {
      scope(() => {
        solve(iterations);
      });
      await device.synchronize();
    };
    /** Dispatches, and the bytes that they read and write, each bound range once. */
    const sent = async (count: number): Promise<[dispatches: number, bytes: number]> => {
      const options = { roofline: false, warmup: 0, repeats: 1 };
      const { data } = await profile(() => scope(() => void solve(count)), options);
      return [data.dispatches.length, data.dispatches.reduce((sum, { bytes }) => sum + bytes, 0)];
    };
    return {
      run,
      transportCost: () => scope(() => solve(iterations).transportCost()).item(),
      /** Of an iteration, its share of the looks at the error included. */
      async traffic(): Promise<{ dispatches: number; bytes: number }> {
        const [some, more] = [await sent(10), await sent(20)];
        return { dispatches: (more[0] - some[0]) / 10, bytes: (more[1] - some[1]) / 10 };
      },
      /** The most bytes that tensors took while it ran. */
      async peak(): Promise<number> {
        device.pool.resetPeak();
        await run();
        return memory(device).peakBytes;
      },
    };
  },

  /** What the adapter can do at most, measured once for all processes. */
  async roofline() {
    return {
      run: async () => undefined,
      measure: async () => rooflineOf(device.executor, await nodePlatform.byteCache()),
    };
  },

  async gpt(problem: GptProblem) {
    const { batch, context, vocab } = problem;
    const model = new nn.GPT(problem);
    const weights = gptWeights(problem);
    model.loadStateDict({ ...weights, "lm_head.weight": weights["transformer.wte.weight"]! });
    const shape = [batch, context];
    const batches = gptBatches(problem).map(({ input, target }) => ({
      input: { values: input, shape },
      target: { values: target, shape },
    }));
    const step = trainStep<nn.GPT, Pair>(
      model,
      optimizerOf(model.namedParameters()),
      (m, { input, target }) =>
        nn.functional.crossEntropy(
          m.forward(input).reshape([batch * context, vocab]),
          target.reshape([batch * context]),
        ),
      eager,
    );
    return training(() => step(batches[step.count % batches.length]!).loss);
  },

  async convNet(problem: ConvNetProblem & { data: string | null }) {
    const { batch, side } = problem;
    const model = new ConvNet(problem);
    model.loadStateDict(convNetWeights(problem));
    const batches = digitBatches(problem, problem.data).map(({ input, target }) => ({
      input: { values: input, shape: [batch, 1, side, side] },
      target: { values: target, shape: [batch] },
    }));
    const step = trainStep<ConvNet, Pair>(
      model,
      optimizerOf(model.namedParameters()),
      (m, { input, target }) => nn.functional.crossEntropy(m.forward(input), target),
      eager,
    );
    return training(() => step(batches[step.count % batches.length]!).loss);
  },
};

const { adapter } = device.executor;
await serve({
  about: {
    adapter: adapter.description || adapter.vendor,
    version: packageJson.version,
    hardware: adapter.class === "hardware",
  },
  tasks,
  deviceMemory: () => ({ buffers: counts ? counts.peakBytes : memory(device).peakBytes }),
});
await device.destroy();
