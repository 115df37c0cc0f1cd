// A reporter of vitest that says of each test when it starts and what it came to, a line each: what is left of a
// run that is cut off before its report is written.

export const marker = "tilegrad-test ";

const line = (test, state, message) =>
  process.stdout.write(`${marker}${JSON.stringify({ name: test.fullName, state, message })}\n`);

export default class LineReporter {
  onTestCaseReady(test) {
    line(test, "started");
  }

  onTestCaseResult(test) {
    const { state, errors } = test.result();
    line(test, state, errors?.[0]?.stack ?? errors?.[0]?.message);
  }
}
