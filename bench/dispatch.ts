/**
 * Dispatches: what the host spends on one, and one in all, with a kernel that does nothing.
 *
 *   npm run bench -- dispatch [--executor webgpu|cpu] [--dispatches 130] [--rounds 300]
 *
 * A round records the same dispatches in each way in turn, so that other load on the machine meets all ways;
 * `record` is the time until the last is recorded, `submit` that of the submit, `in all` until they have run;
 * `host` is the first two together, for all dispatches of a round. The figures are medians over the rounds in microseconds per dispatch, with the least in brackets, and the ratio to eager.
 * `control` is eager once more: its ratio must read 1.0, or the differences beside it are noise.
 */
import { parseArgs } from "node:util";
import { init } from "../src/node";
import { measureDispatches } from "./frame/dispatches";

const { values } = parseArgs({
  options: {
    executor: { type: "string", default: "webgpu" },
    dispatches: { type: "string", default: "130" },
    rounds: { type: "string", default: "300" },
  },
});
const dispatches = Number(values.dispatches);
const rounds = Number(values.rounds);

const device = await init({ executor: values.executor === "cpu" ? "cpu" : "webgpu" });
const { executor } = device;
const ways = await measureDispatches(device, dispatches, rounds);

const sorted = (list: readonly number[]): number[] => [...list].sort((x, y) => x - y);
const median = (list: readonly number[]): number => sorted(list)[list.length >> 1]!;
const figure = (list: readonly number[]): string => {
  const per = (ms: number) => ((1000 * ms) / dispatches).toFixed(2);
  return `${per(median(list))} (${per(Math.min(...list))})`.padStart(16);
};

console.log(
  `adapter ${executor.adapter.description || executor.adapter.vendor}, ${dispatches} dispatches a round`,
);
console.log(
  "microseconds a dispatch       record    ratio          submit          in all   host, ms",
);
for (const { name, record, submit, all } of ways) {
  const ratio = median(ways[0]!.record) / median(record);
  const host = median(record.map((ms, round) => ms + submit[round]!));
  console.log(
    `${name.padEnd(20)}${figure(record)} ${ratio.toFixed(2).padStart(8)}${figure(submit)}${figure(all)} ${host.toFixed(3).padStart(10)}`,
  );
}
await device.destroy();
