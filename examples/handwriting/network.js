/** The network that reads digits: two convolutions, two linear layers, some 60,000 values. */
import { nn } from "tilegrad";

/** Made on the current device, from the seed of `manualSeed`. */
export function makeNetwork() {
  return new nn.Sequential(
    new nn.Conv2d(1, 12, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(12, 24, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(24 * 7 * 7, 48),
    new nn.ReLU(),
    new nn.Linear(48, 10),
  );
}
