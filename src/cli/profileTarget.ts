/** What of a command can be profiled: one run of the work that it repeats. */

import type { FileStore } from "../platform/files";
import type { Commands } from "./command";
import type { DeviceOptions } from "./deviceFlags";
import { EXIT_OK, UsageError } from "./exitCodes";
import { newestCheckpoint, runCheckpoints } from "./runCheckpoints";
import { planRun } from "./runPlan";
import { firstCharacter, restoredModel } from "./sample";
import type { SampleOptions } from "./sampleOptions";
import { restoredRun } from "./savedRun";
import { trainingState } from "./trainingState";
import type { TrainOptions } from "./trainOptions";

export interface ProfileTarget {
  device: DeviceOptions;
  /** What one run is: a training step. */
  unit: string;
  /** Reads what is needed. @throws UsageError, FileError, DataError, CheckpointError */
  prepare(files: FileStore): Promise<PreparedTarget>;
}

/** To be called on a device, the current one. Returns the function that is one run. */
export type PreparedTarget = () => () => unknown;

/** Commands that run nothing and only say what there is to profile. */
export function profileTargets(found: (target: ProfileTarget) => void): Commands {
  const note = async (target: ProfileTarget): Promise<number> => {
    found(target);
    return EXIT_OK;
  };
  const nothing = (command: string) => async (): Promise<number> => {
    throw new UsageError(
      `profile: ${command} has no kernels to time; profile train gpt, start or sample`,
    );
  };
  return {
    doctor: nothing("doctor"),
    kernels: nothing("kernels"),
    memory: nothing("memory"),
    profile: nothing("profile itself"),
    compare: nothing("compare"),
    trainGpt: (options) => note(trainingTarget(options)),
    sample: (options) => note(samplingTarget(options)),
  };
}

/** One training step: forward, backward, update. No files are written. */
function trainingTarget(options: TrainOptions): ProfileTarget {
  return {
    device: options.device,
    unit: "training step",
    async prepare(files) {
      const plan = await planRun(options, files);
      return () => {
        const { step } = trainingState(plan);
        plan.loader.cursor = step.count;
        return () => step(plan.loader.next());
      };
    },
  };
}

/** Characters of a text that is written once a run. */
const longestSample = 16;

function samplingTarget(options: SampleOptions): ProfileTarget {
  const { run, temperature, topK, topP, seed } = options;
  const count = Math.min(options.length, longestSample);
  return {
    device: options.device,
    unit: `text of ${count} characters`,
    async prepare(files) {
      const { checkpoint } = await newestCheckpoint(runCheckpoints(files, run));
      const saved = restoredRun(checkpoint);
      const begun = [...saved.tokenizer.encode(options.prompt || firstCharacter(saved))];
      return () => {
        const model = restoredModel(checkpoint, saved);
        return async () => {
          await model.generate(begun, {
            count,
            temperature,
            topP,
            seed,
            ...(topK !== null && { topK }),
          });
        };
      };
    },
  };
}
