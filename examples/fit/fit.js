/** A small network learns a sine wave. The same file runs in Node and in a page. */
import { init, nn, optim, tensor, trainStep } from "tilegrad";

/**
 * @param {(line: string) => void} print
 * @param {import("tilegrad").InitOptions} [options]
 */
export async function fit(print, options) {
  const device = await init(options);
  const model = new nn.Sequential(new nn.Linear(1, 32), new nn.Tanh(), new nn.Linear(32, 1));
  const optimizer = optim.adamw(model.namedParameters(), { lr: 0.01, weightDecay: 0 });
  const step = trainStep(model, optimizer, (m, { input, target }) =>
    nn.functional.mseLoss(m.forward(input), target),
  );

  const x = Float32Array.from({ length: 64 }, (_, i) => (i / 63) * 6 - 3);
  const input = { values: x, shape: [64, 1] };
  const target = { values: x.map(Math.sin), shape: [64, 1] };
  for (let i = 1; i <= 400; i++) {
    const { loss } = step({ input, target });
    if (i % 100 === 0) print(`step ${i}  loss ${(await loss.item()).toFixed(5)}`);
  }

  const guess = await model.forward(tensor([[Math.PI / 2]])).item();
  print(`sin(π/2) is 1; the network says ${guess.toFixed(3)}`);
  await device.destroy();
}
