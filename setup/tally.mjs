// What a run of tests came to: counts, and each failure with its reason.

import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";

/** `{ passed, failures: [{ name, reason }] }` */
export const passed = (count = 1) => ({ passed: count, failures: [] });
export const failed = (name, reason) => ({ passed: 0, failures: [{ name, reason }] });

export const sum = (tallies) => ({
  passed: tallies.reduce((total, tally) => total + tally.passed, 0),
  failures: tallies.flatMap((tally) => tally.failures),
});

/** A stack trace without the test runner's own frames. */
const withoutInnards = (text) =>
  text?.replace(/\n +at .*(node_modules|node:internal|<anonymous>).*/g, "");

/**
 * Reads the file of vitest's json reporter. A skipped test counts as failed, since a claim that was
 * not tested is not a claim; so does a file that broke before its first test, and a run that ended
 * badly without naming a failure (a crashed worker, an unhandled rejection, no tests at all).
 */
export function tallyVitest(run, file, exitCode, root, allowEmpty) {
  if (!existsSync(file)) return failed(run, "vitest ended without a report; see its output above");
  const { testResults } = JSON.parse(readFileSync(file, "utf8"));
  const tally = passed(0);
  for (const { name, status, message, assertionResults } of testResults) {
    const path = relative(root, name);
    if (status === "failed" && !assertionResults.some((test) => test.status === "failed"))
      tally.failures.push({ name: `${run} › ${path}`, reason: message || "the file failed" });
    for (const test of assertionResults) {
      if (test.status === "passed") tally.passed += 1;
      else
        tally.failures.push({
          name: `${run} › ${path} › ${test.fullName}`,
          reason: withoutInnards(test.failureMessages?.[0]) ?? `not run (${test.status})`,
        });
    }
  }
  if (tally.failures.length > 0) return tally;
  if (exitCode !== 0)
    tally.failures.push({
      name: run,
      reason: `vitest ended with ${exitCode}; see its output above`,
    });
  else if (tally.passed === 0 && !allowEmpty) return failed(run, "no tests were found");
  return tally;
}

/**
 * What came of a run that was cut off, by the lines of lineReporter.mjs: the tests that had ended count, and the
 * one that was running is named with the reason.
 * @param events `{ name, state, message }` in order
 */
export function tallyCutOff(run, events, reason) {
  const tally = passed(0);
  let running = null;
  for (const { name, state, message } of events) {
    if (state === "started") {
      running = name;
      continue;
    }
    running = null;
    if (state === "passed") tally.passed += 1;
    else
      tally.failures.push({
        name: `${run} › ${name}`,
        reason: withoutInnards(message) ?? `not run (${state})`,
      });
  }
  tally.failures.push({ name: running === null ? run : `${run} › ${running}`, reason });
  return tally;
}
