/** What every embedding of the package runs: a few steps of training, written as a user would, and its losses. */
import { expect } from "vitest";

/** A module that exports `train()`, which resolves to the losses of 30 steps. It is JavaScript and TypeScript alike. */
export const trainingModule = `
import { init, nn, optim, trainStep } from "tilegrad";

export async function train() {
  const device = await init({ threads: 0, cache: false });
  const model = new nn.Sequential(new nn.Linear(1, 16), new nn.Tanh(), new nn.Linear(16, 1));
  const optimizer = optim.adamw(model.namedParameters(), { lr: 0.03 });
  const step = trainStep(model, optimizer, (m, { input, target }) =>
    nn.functional.mseLoss(m.forward(input), target),
  );
  const x = Float32Array.from({ length: 64 }, (_, i) => (i / 63) * 6 - 3);
  const batch = {
    input: { values: x, shape: [64, 1] },
    target: { values: x.map(Math.sin), shape: [64, 1] },
  };
  const losses = [];
  for (let i = 0; i < 30; i++) losses.push(await step(batch).loss.item());
  await device.destroy();
  return losses;
}
`;

/** Fails unless `losses` are those of `trainingModule`, and fall to less than half. */
export function expectFall(losses: readonly number[]): void {
  expect(losses).toHaveLength(30);
  expect(losses.every(Number.isFinite)).toBe(true);
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
}
