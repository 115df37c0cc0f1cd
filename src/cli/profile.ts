/** `tilegrad profile -- COMMAND`: where the time of a training step goes, kernel by kernel. */

import packageJson from "../../package.json" with { type: "json" };
import type { FileStore } from "../platform/files";
import { nodePlatform } from "../platform/node";
import { profileOn } from "../profile/profile";
import type { Profile } from "../profile/result";
import type { Command, CommandContext } from "./command";
import { openDevice } from "./engine";
import { EXIT_OK } from "./exitCodes";
import type { ProfileCommandOptions } from "./profileOptions";
import { profileAssets } from "./profileReport/profileAssets";
import { type ProfileSubject, renderProfile } from "./profileReport/profilePage";
import { type ProfileTarget, profileTargets } from "./profileTarget";
import { runProgram } from "./program";
import { counted } from "./wording";

/** The inner command line is checked, and its files are read, before a device is asked for. */
export const profile: Command<ProfileCommandOptions> = async (options, context) => {
  const found: ProfileTarget[] = [];
  const code = await runProgram(
    options.command,
    profileTargets((target) => found.push(target)),
    context,
  );
  const [target] = found;
  if (!target) return code;
  const prepared = await target.prepare(context.files);
  await context.files.makeDirectory(options.out);
  const device = await openDevice(target.device);
  try {
    const run = prepared();
    const { steps, warmup } = options;
    context.stderr.write(
      `${counted(warmup, "run")} to warm up, one by the clock, ${counted(steps, "timed run")} of one ${target.unit} each\n`,
    );
    const result = await profileOn(nodePlatform, run, {
      device,
      warmup,
      repeats: steps,
      roofline: options.measureRoofline ? "anew" : true,
    });
    const subject = {
      version: packageJson.version,
      command: options.command.join(" "),
      unit: target.unit,
    };
    const files = await writeFiles(context.files, options.out, result, subject);
    print(context, options, result, subject, files);
    return EXIT_OK;
  } finally {
    await device.destroy();
  }
};

async function writeFiles(
  files: FileStore,
  folder: string,
  result: Profile,
  subject: ProfileSubject,
): Promise<string[]> {
  const contents: [string, string][] = [
    ["profile.json", `${JSON.stringify({ ...subject, ...result.data })}\n`],
    ["trace.json", `${JSON.stringify(result.trace())}\n`],
    ["profile.html", renderProfile(result.data, subject, profileAssets)],
  ];
  const paths: string[] = [];
  for (const [name, text] of contents) {
    const path = `${folder.replace(/\/+$/, "")}/${name}`;
    await files.writeAtomic(path, new TextEncoder().encode(text));
    paths.push(path);
  }
  return paths;
}

function print(
  { stdout, stderr }: CommandContext,
  { json }: ProfileCommandOptions,
  result: Profile,
  { command, unit }: ProfileSubject,
  files: readonly string[],
): void {
  if (json) {
    const { dispatches: _, memory: __, ...data } = result.data;
    stdout.write(`${JSON.stringify({ command, unit, ...data, files })}\n`);
    return;
  }
  stdout.write(`one run is one ${unit}\n${result.table()}`);
  stderr.write(`written: ${files.join(", ")}\n`);
}
