/** `tilegrad train gpt` and `tilegrad start`. */

import type { Command } from "./command";
import { openDevice } from "./engine";
import { GptTraining } from "./gptTraining";
import { watchInterrupt } from "./interrupt";
import { createProgress } from "./progress";
import { openRunFolder, runFolder } from "./runFolder";
import { planRun } from "./runPlan";
import { RunRecord } from "./runRecord";
import type { TrainOptions } from "./trainOptions";

/** What can be wrong with files and flags is found before a device is asked for, and before a file is written. */
export const trainGpt: Command<TrainOptions> = async (options, context) => {
  const { files, signals, now } = context;
  const plan = await planRun(options, files);
  const folder = await openRunFolder(files, options);
  const progress = createProgress(context, options.json);
  const interrupt = watchInterrupt(signals, {
    onFirst: () => progress.note("finishing this step, then saving; Ctrl-C again leaves at once"),
    exit: (code) => {
      progress.close();
      context.exit(code);
    },
  });
  try {
    const record = await RunRecord.open(files, folder, progress);
    const device = await openDevice();
    try {
      const inPlace = options.resume !== null && runFolder(options.resume).path === folder.path;
      const { signal } = interrupt;
      const training = new GptTraining(plan, { device, files, record, inPlace, now, signal });
      const exitCode = await training.run();
      progress.note(`report: ${folder.report}`);
      return exitCode;
    } finally {
      await device.destroy();
    }
  } finally {
    interrupt.close();
    progress.close();
  }
};
