/** The `tilegrad` command line: commands, flags, help, and what becomes of every error. */

import { Command as Cli, CommanderError, Option } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { TilegradError } from "../errors";
import type { CommandContext, Commands } from "./command";
import { COMPARE_FLAGS, type CompareFlagTexts, parseCompareOptions } from "./compareOptions";
import { DEVICE_FLAGS, type DeviceFlagTexts, parseDeviceOptions } from "./deviceFlags";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, UsageError } from "./exitCodes";
import type { Flag } from "./flagValues";
import {
  MEMORY_DEFAULTS,
  MEMORY_FLAGS,
  type MemoryFlagTexts,
  parseMemoryOptions,
} from "./memoryOptions";
import {
  PROFILE_DEFAULTS,
  PROFILE_FLAGS,
  type ProfileFlagTexts,
  parseProfileOptions,
} from "./profileOptions";
import { requireInputs, requireModel } from "./runInputs";
import {
  parseSampleOptions,
  SAMPLE_DEFAULTS,
  SAMPLE_FLAGS,
  type SampleFlagTexts,
} from "./sampleOptions";
import {
  DEFAULT_KEEP,
  type FlagTexts,
  KEEP_FLAG,
  OUT_FLAG,
  parseTrainOptions,
  RESUME_FLAG,
  SETTING_NAMES,
  START_DEFAULTS,
  TRAIN_GPT_DEFAULTS,
  TRAIN_SETTINGS,
  type TrainDefaults,
} from "./trainOptions";

/**
 * Runs one command line and returns the exit code. Never throws: errors become one line on standard
 * error.
 * @param args what follows `tilegrad`
 */
export async function runProgram(
  args: readonly string[],
  commands: Commands,
  context: CommandContext,
): Promise<number> {
  let exitCode = EXIT_OK;
  const program = createProgram(context, async (run) => {
    exitCode = await run(commands);
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error, args, program, context);
  }
}

/** Runs one of the commands and keeps its exit code. */
type Start = (run: (commands: Commands) => Promise<number>) => Promise<void>;

function createProgram(context: CommandContext, start: Start): Cli {
  const program = new Cli("tilegrad")
    .description("Train neural networks on a GPU through WebGPU, or on the CPU.")
    .version(packageJson.version)
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      // Errors are printed in one place, as one line, from what is thrown.
      writeErr: () => {},
    });

  const doctor = program
    .command("doctor")
    .description("say what can compute here, and what would be used and why");
  addFlag(doctor, DEVICE_FLAGS.adapter);
  doctor
    .option("--json", "print one JSON object")
    .addOption(new Option("--probe").hideHelp())
    .action((flags: DeviceFlagTexts & { json?: boolean; probe?: boolean }) => {
      const { adapter } = parseDeviceOptions(flags);
      const { json = false, probe = false } = flags;
      return start((commands) => commands.doctor({ adapter, json, probe }, context));
    });

  const train = program.command("train").description("train a model");
  addTraining(
    train.command("gpt").description("train a character GPT on a text"),
    TRAIN_GPT_DEFAULTS,
    context,
    start,
  );
  addTraining(
    program.command("start").description("train a small GPT on tilegrad's own source, as a demo"),
    START_DEFAULTS,
    context,
    start,
  );

  const sample = program
    .command("sample")
    .description("write text with a trained model")
    .argument("<dir>", "folder of a run");
  for (const [name, flag] of Object.entries(SAMPLE_FLAGS)) {
    addFlag(sample, flag, SAMPLE_DEFAULTS[name as keyof typeof SAMPLE_FLAGS]);
  }
  addDeviceFlags(sample);
  sample
    .option("--json", "print one JSON object")
    .action(async (run: string, flags: SampleFlagTexts) => {
      const options = parseSampleOptions(run, flags);
      await requireModel(context.files, run, run);
      await start((commands) => commands.sample(options, context));
    });

  program
    .command("kernels")
    .description("list the kernels with formula, bindings and variants")
    .argument("[name]", "only kernels whose name contains this")
    .option("--json", "print one JSON array")
    .action((name: string | undefined, { json = false }: { json?: boolean }) =>
      start(({ kernels }) => kernels({ name: name ?? null, json }, context)),
    );

  const profile = program
    .command("profile")
    .description("time the kernels of another command: tilegrad profile -- train gpt --text FILE")
    .argument("[command...]", "train gpt, start or sample, with its flags")
    // Flags behind the first word of the command are the command's.
    .passThroughOptions();
  addFlag(profile, PROFILE_FLAGS.steps, PROFILE_DEFAULTS.steps);
  addFlag(profile, PROFILE_FLAGS.warmup, PROFILE_DEFAULTS.warmup);
  addFlag(profile, PROFILE_FLAGS.out, "runs/profile-DATE-TIME");
  profile
    .option("--measure-roofline", "measure what the adapter can do at most again")
    .option("--json", "print one JSON object instead of the table")
    .action((command: string[], flags: ProfileFlagTexts) => {
      const options = parseProfileOptions(command, flags, context.now());
      return start((commands) => commands.profile(options, context));
    });

  const memory = program
    .command("memory")
    .description("say how much device memory training will take, before anything is allocated");
  for (const [name, flag] of Object.entries(MEMORY_FLAGS)) {
    addFlag(memory, flag, MEMORY_DEFAULTS[name as keyof typeof MEMORY_DEFAULTS]);
  }
  memory
    .option("--per-layer", "update each tensor as soon as its gradient is there")
    .option("--recompute", "keep the inputs of blocks only, and run blocks again")
    .option("--papers", "what papers say of memory beside what is counted here, as a table")
    .option("--json", "print one JSON object")
    .action((flags: MemoryFlagTexts) => {
      const options = parseMemoryOptions(flags);
      return start((commands) => commands.memory(options, context));
    });

  const compare = program
    .command("compare")
    .description("train with several optimizers side by side on one task, and write a report");
  for (const flag of Object.values(COMPARE_FLAGS)) addFlag(compare, flag, flag.shown);
  addDeviceFlags(compare);
  compare
    .option("--json", "print one JSON object instead of the table")
    .action((flags: CompareFlagTexts) => {
      const options = parseCompareOptions(flags, context.now());
      return start((commands) => commands.compare(options, context));
    });

  return program;
}

function addTraining(
  command: Cli,
  defaults: TrainDefaults,
  context: CommandContext,
  start: Start,
): void {
  const { text, ...shown } = parseTrainOptions({ text: "any" }, defaults, 0).config;
  const defaultValues: Readonly<Record<string, unknown>> = shown;
  for (const name of SETTING_NAMES) addFlag(command, TRAIN_SETTINGS[name], defaultValues[name]);
  addFlag(command, OUT_FLAG, `runs/${defaults.run}-DATE-TIME`);
  addFlag(command, RESUME_FLAG);
  addFlag(command, KEEP_FLAG, DEFAULT_KEEP);
  addDeviceFlags(command);
  command
    .option(
      "--force",
      "resume though tilegrad's version, the text or the update rule's options are others, and put it on record",
    )
    .option("--json", "print one JSON object a line, and nothing else, on standard output")
    .action(async (flags: FlagTexts) => {
      const options = parseTrainOptions(flags, defaults, context.now());
      await requireInputs(context.files, options);
      await start(({ trainGpt }) => trainGpt(options, context));
    });
}

function addDeviceFlags(command: Cli): void {
  for (const flag of Object.values(DEVICE_FLAGS)) addFlag(command, flag);
}

/** The default stands in the help only: the parser must see which flags were given. */
function addFlag(command: Cli, flag: Flag<unknown>, shownDefault?: unknown): void {
  const ending = shownDefault == null ? "" : ` (default ${shownDefault})`;
  command.option(`${flag.name} ${flag.placeholder}`, `${flag.help}${ending}`);
}

function reportError(
  error: unknown,
  args: readonly string[],
  program: Cli,
  { stdout, stderr }: CommandContext,
): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT_OK;
    if (error.code === "commander.help") {
      // Commander's way of saying that no command was named.
      if (args.length === 0) {
        stdout.write(program.helpInformation());
        return EXIT_OK;
      }
      stderr.write(oneLine(`train what? Try: tilegrad ${args[0]} gpt --text FILE`));
      return EXIT_USAGE;
    }
    stderr.write(oneLine(`${error.message.replace(/^error: /, "")} ${whereHelpIs(args)}`));
    return EXIT_USAGE;
  }
  if (error instanceof TilegradError) {
    stderr.write(oneLine(error.message));
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
  // An error that is not ours is a defect: whoever mends it needs to see where.
  const stack = error instanceof Error ? error.stack : String(error);
  stderr.write(`tilegrad: internal error, please report it: ${stack}\n`);
  return EXIT_FAILED;
}

function whereHelpIs(args: readonly string[]): string {
  const known = [
    "doctor",
    "train",
    "gpt",
    "start",
    "sample",
    "kernels",
    "profile",
    "memory",
    "compare",
  ];
  const named = args.slice(0, 2).filter((arg) => known.includes(arg));
  return `(see: ${["tilegrad", ...named, "--help"].join(" ")})`;
}

function oneLine(message: string): string {
  return `tilegrad: ${message.trim().replace(/\s+/g, " ")}\n`;
}
