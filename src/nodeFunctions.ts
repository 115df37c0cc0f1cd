/**
 * The door for Node without methods of `Tensor`: operations are functions only, so that a bundle holds those
 * that a program names. `import { init, tensor, grad } from "tilegrad/functions"`.
 */
import type { Device } from "./device/device";
import { type InitOptions, initOn } from "./init";
import { nodePlatform } from "./platform/node";
import { type ProfileOptions, profileOn } from "./profile/profile";
import type { Profile } from "./profile/result";
import { submitBounds } from "./profile/submitBounds";
import { type TunedProblem, type TuneOptions, tuneOn, useTuningOn } from "./tune/tune";

export * from "./index";
export { nodeFiles } from "./platform/nodeFiles";

/**
 * Makes a device, the current one for new tensors: on a GPU through WebGPU if there is one, else on the CPU.
 *
 * @throws AdapterError, saying what to install, where what `options` ask for is missing
 * @example await init();
 * @example await init({ executor: "cpu", threads: 4 });
 */
export function init(options?: InitOptions): Promise<Device> {
  return initOn(nodePlatform, options, submitBounds);
}

/** Names of the adapters that `init({ adapter })` can choose. */
export function listAdapters(): Promise<string[]> {
  return nodePlatform.adapterNames();
}

/**
 * Where the time of `fn` goes: runs it for warm-up, once more, and then timed, and sets each kernel's bytes and
 * operations a second against what the adapter was measured to do at most. `fn` runs several times, inside a
 * scope; an async one frees what it makes. See docs/profiling.md.
 *
 * @throws ArgumentError for a wrong option, and what `fn` throws
 * @example
 * const result = await profile(() => step(batch));
 * console.log(result.table());
 */
export function profile(fn: () => unknown, options: ProfileOptions = {}): Promise<Profile> {
  return profileOn(nodePlatform, fn, options);
}

/**
 * Finds the fastest kernels for what `fn` does: runs it, then each operation that several kernels can compute with
 * each of them, on the same shapes, and remembers the fastest for this adapter, in this process and for later ones.
 * From then on they run on every device of the adapter. Takes seconds to minutes; sums may round differently than
 * before. Functions made by `compile` are not looked into: pass what they were made of. See docs/tuning.md.
 *
 * @returns one entry for each class of problems that was measured, with the times
 * @throws ArgumentError where `fn` is no function, and what `fn` throws
 * @example
 * const tuned = await tune(() => model.forward(batch), { onProgress: ({ done, total }) => show(done / total) });
 */
export function tune(
  fn: () => unknown,
  options: TuneOptions = {},
): Promise<readonly TunedProblem[]> {
  return tuneOn(nodePlatform, fn, options);
}

/**
 * Has kernels chosen by what `tune` remembered for the adapter, or else by the tables that ship with the library;
 * `false`: by the defaults again, as at first.
 *
 * @param device default: the current one; other devices on its adapter choose alike
 * @example await useTuning();
 */
export function useTuning(on = true, device?: Device): Promise<void> {
  return useTuningOn(nodePlatform, on, device);
}
