/**
 * The door for Node without methods of `Tensor`: operations are functions only, so that a bundle holds those
 * that a program names. `import { init, tensor, grad } from "tilegrad/functions"`.
 */
import type { Device } from "./device/device";
import { type InitOptions, initOn } from "./init";
import { nodePlatform } from "./platform/node";
import { type ProfileOptions, profileOn } from "./profile/profile";
import type { Profile } from "./profile/result";

export * from "./index";

/**
 * Makes a device, the current one for new tensors: on a GPU through WebGPU if there is one, else on the CPU.
 *
 * @throws AdapterError, saying what to install, where what `options` ask for is missing
 * @example await init();
 * @example await init({ executor: "cpu", threads: 4 });
 */
export function init(options?: InitOptions): Promise<Device> {
  return initOn(nodePlatform, options);
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
