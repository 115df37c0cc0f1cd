/**
 * Calls between a page and its worker: each call is a message and its answer another, so that the page never waits
 * for arithmetic. Errors come back as errors with their words.
 */

/** Answers calls in a worker, one after another. */
export function answerCalls(methods) {
  let last = Promise.resolve();
  addEventListener("message", ({ data: { call, method, given } }) => {
    last = last.then(async () => {
      try {
        postMessage({ call, result: await methods[method](...given) });
      } catch (error) {
        postMessage({ call, failure: error.message });
      }
    });
  });
}

/** A worker's methods, as the page calls them: `await remote.method(…)`. */
export function remoteOf(worker) {
  const waiting = new Map();
  let calls = 0;
  worker.addEventListener("message", ({ data: { call, result, failure } }) => {
    const { resolve, reject } = waiting.get(call);
    waiting.delete(call);
    if (failure === undefined) resolve(result);
    else reject(new Error(failure));
  });
  worker.addEventListener("error", (event) => {
    const cause = event.message ? `: ${event.message}` : ".";
    for (const { reject } of waiting.values())
      reject(new Error(`The worker of this page could not run${cause}`));
    waiting.clear();
  });
  return new Proxy(
    {},
    {
      get:
        (_, method) =>
        (...given) =>
          new Promise((resolve, reject) => {
            waiting.set(++calls, { resolve, reject });
            worker.postMessage({ call: calls, method, given });
          }),
    },
  );
}
