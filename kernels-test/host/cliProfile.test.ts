/** What `tilegrad profile` finds to profile in a command line. */
import { expect, test } from "vitest";
import type { CommandContext } from "../../src/cli/command";
import { type ProfileTarget, profileTargets } from "../../src/cli/profileTarget";
import { runProgram } from "../../src/cli/program";
import { TilegradError } from "../../src/errors";
import { nodeFiles } from "../../src/platform/nodeFiles";

async function targetsOf(command: string[]) {
  const found: ProfileTarget[] = [];
  let err = "";
  const context: CommandContext = {
    stdout: { write: () => true },
    stderr: { write: (text) => (err += text) },
    files: nodeFiles,
    signals: process,
    now: () => 0,
    exit: () => {},
  };
  const code = await runProgram(
    command,
    profileTargets((target) => found.push(target)),
    context,
  );
  return { code, err, found };
}

test("a training command gives its steps, on the device it names", async () => {
  const { code, found } = await targetsOf(["start", "--adapter", "cpu", "--threads", "1"]);
  expect(code).toBe(0);
  expect(found).toHaveLength(1);
  expect(found[0]!.unit).toBe("training step");
  expect(found[0]!.device).toEqual({ adapter: "cpu", threads: 1 });
});

test.each([
  [["doctor"], /profile: doctor has no kernels to time; profile train gpt, start or sample/],
  [["kernels"], /profile: kernels has no kernels to time/],
  [["profile", "--", "start"], /profile: profile itself has no kernels to time/],
  [["train", "gpt", "--text", "nosuch.txt"], /--text nosuch\.txt: there is no such file/],
  [["start", "--layerz", "2"], /unknown option '--layerz' .*Did you mean --layers\?/],
  [["sample", "nosuch"], /nosuch: there is no checkpoint/],
])("%j gives nothing, with one clear line", async (command, message) => {
  const { code, err, found } = await targetsOf(command);
  expect(code).toBe(2);
  expect(err).toMatch(message);
  expect(found).toEqual([]);
});

test("what is wrong with a plan comes before a device is asked for", async () => {
  const tooLong = ["--context", "100000000"];
  const { found } = await targetsOf(["train", "gpt", "--text", "package.json", ...tooLong]);
  await expect(found[0]!.prepare(nodeFiles)).rejects.toThrow(TilegradError);
});
