/** The training run of trainingRun.ts in pages: its bits are those of Node. */
import { expect, test } from "vitest";
import { committedDigest, type runTraining } from "../trainingRun";
import { bundleScript } from "./bundle";
import { isolation, openPage } from "./chromium";

declare global {
  /** In the page: a training run with that many threads. */
  var train: (threads: number) => ReturnType<typeof runTraining>;
}

const script = await bundleScript(`
  import * as tilegrad from "./src/browser.ts";
  import { runTraining } from "./kernels-test/trainingRun.ts";
  globalThis.train = (threads) => runTraining(tilegrad, { device: { threads } });`);

test.each([
  ["two threads of an isolated page", isolation, 2, "2 threads"],
  ["the one thread of a page that is not isolated", {}, 2, "on the calling thread"],
])("200 training steps have the committed bits with %s", async (_what, headers, threads, where) => {
  await using opened = await openPage(script, headers);
  const { digest, description } = await opened.page.evaluate(async (count) => {
    const result = await train(count);
    return { digest: result.digest, description: result.description };
  }, threads);
  expect(description).toContain(where);
  expect(digest).toBe(committedDigest);
  expect(opened.errors).toEqual([]);
});
