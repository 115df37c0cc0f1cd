/** `tilegrad train gpt` and `tilegrad start`. */

import type { Device } from "../device/device";
import type { Command, CommandContext } from "./command";
import { deviceFlagsText } from "./deviceFlags";
import { openDevice } from "./engine";
import { EXIT_OK } from "./exitCodes";
import { GptTraining } from "./gptTraining";
import { sampleCommand, watchInterrupt } from "./interrupt";
import { createProgress } from "./progress";
import { runCheckpoints } from "./runCheckpoints";
import { type RunFolder, runFolder } from "./runFolder";
import { openRunFolder } from "./runInputs";
import { planRun, type RunPlan } from "./runPlan";
import { RunRecord } from "./runRecord";
import { type TrainingState, trainingState } from "./trainingState";
import type { TrainOptions } from "./trainOptions";

/**
 * Texts, flags and checkpoints are found good before a device is asked for, and the checkpoint is found to
 * fit before a file is written.
 */
export const trainGpt: Command<TrainOptions> = async (options, context) => {
  const plan = await planRun(options, context.files);
  const device = await openDevice(options.device);
  try {
    const state = trainingState(plan);
    const folder = await openRunFolder(context.files, options);
    return await train({ options, context, plan, device, state, folder });
  } finally {
    await device.destroy();
  }
};

async function train(run: {
  options: TrainOptions;
  context: CommandContext;
  plan: RunPlan;
  device: Device;
  state: TrainingState;
  folder: RunFolder;
}): Promise<number> {
  const { options, context, plan, device, state, folder } = run;
  const { files, signals, now } = context;
  const progress = createProgress(context, options.json);
  const { signal, close } = watchInterrupt(signals, {
    onFirst: () => progress.note("finishing this step, then saving; Ctrl-C again leaves at once"),
    exit: (code) => {
      progress.close();
      context.exit(code);
    },
  });
  try {
    const record = await RunRecord.open(files, folder, progress);
    const { resume, keep } = options;
    const inPlace = resume !== null && runFolder(resume).path === folder.path;
    const checkpoints =
      (inPlace && plan.resumed?.folder) || runCheckpoints(files, folder.path, { keep });
    const flags = deviceFlagsText(options.device);
    const around = { device, checkpoints, record, inPlace, now, signal, flags };
    const exitCode = await new GptTraining(plan, state, around).run();
    progress.note(`report: ${folder.report}`);
    if (exitCode === EXIT_OK) progress.note(`more text: ${sampleCommand(folder.path)}${flags}`);
    return exitCode;
  } finally {
    close();
    progress.close();
  }
}
