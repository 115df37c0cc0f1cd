/** The optimizer of a run: nanoGPT's recipe for characters, with three rules to choose from. */
import { adamw, lion, muon, schedule } from "tilegrad/optim";
import { optimizers } from "./settings.js";

const makers = {
  adamw: (groups, options) => adamw(groups, { betas: [0.9, 0.99], ...options }),
  lion: (groups, options) => lion(groups, { betas: [0.9, 0.99], ...options }),
  muon: (groups, options) => muon(groups, { adjust: "matchRmsAdamW", ...options }),
};

/** Steps of rising rate. */
const warmup = (steps) => Math.min(50, Math.floor(steps / 4));

/** Tables of tokens and positions are AdamW's in Muon's paper. */
const isTable = (name) => /wte|wpe/.test(name);

/**
 * @param {(readonly [string, import("tilegrad").Tensor])[]} named the parameters by name
 * @param {import("./settings.js").defaults} settings
 * @returns {import("tilegrad").optim.Optimizer}
 */
export function makeOptimizer(named, { optimizer, state, steps }) {
  const { rate } = optimizers[optimizer];
  const lr = schedule.warmupCosine({
    peak: rate,
    warmup: warmup(steps),
    total: steps,
    final: rate / 10,
  });
  const matrices = named.filter(([name, { rank }]) => rank >= 2 && !isTable(name));
  const tables = named.filter(([name]) => isTable(name));
  const vectors = named.filter(([, { rank }]) => rank < 2);
  const groups = [
    { params: matrices, weightDecay: 0.1 },
    { params: tables, weightDecay: 0.1, ...(optimizer === "muon" && { orthogonalize: false }) },
    { params: vectors, weightDecay: 0 },
  ].filter(({ params }) => params.length > 0);
  return makers[optimizer](groups, { lr, state, clipGradNorm: 1 });
}
