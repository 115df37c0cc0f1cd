/** What a run can be told: the size of the model, the rule that moves it, how that rule remembers. */

/** Models by name: blocks, heads, length of token vectors; tokens in a window, windows in a batch. */
export const sizes = {
  small: { layers: 2, heads: 2, width: 64, context: 64, batch: 8 },
  medium: { layers: 4, heads: 4, width: 128, context: 128, batch: 8 },
  large: { layers: 6, heads: 6, width: 192, context: 128, batch: 16 },
};

/** Rules by name, with the learning rate after the warm-up. */
export const optimizers = {
  adamw: { label: "AdamW", rate: 3e-3 },
  lion: { label: "Lion", rate: 1e-3 },
  muon: { label: "Muon", rate: 3e-3 },
};

/** What the optimizer's memory of each parameter is stored as. */
export const states = { f32: "f32 (4 bytes)", "8bit": "8-bit (1 byte)" };

export const defaults = { size: "small", optimizer: "adamw", state: "f32", steps: 1000, seed: 1 };

/** Steps that a run may have. */
export const mostSteps = 100_000;

/** Bytes of the largest text: all of it is in each checkpoint. */
export const mostText = 4 * 2 ** 20;

/** Steps between two losses that are read; reading waits for the device. */
export const logEvery = 5;

/** Steps between two samples. */
export const sampleEvery = 50;

const choices = { size: sizes, optimizer: optimizers, state: states };

/**
 * @param {object} given settings, each optional
 * @returns {typeof defaults} all of them
 * @throws RangeError that says which is wrong, and what there is
 */
export function readSettings(given) {
  const settings = { ...defaults };
  for (const name of Object.keys(defaults))
    if (given[name] !== undefined) settings[name] = given[name];
  for (const [name, known] of Object.entries(choices))
    if (!Object.hasOwn(known, settings[name]))
      throw new RangeError(
        `There is no ${name} "${settings[name]}". There are: ${Object.keys(known).join(", ")}.`,
      );
  const { steps, seed } = settings;
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= mostSteps))
    throw new RangeError(`Steps are a whole number from 1 to ${mostSteps.toLocaleString("en")}.`);
  if (!(Number.isSafeInteger(seed) && seed >= 0))
    throw new RangeError("The seed is a whole number from 0 up.");
  return settings;
}
