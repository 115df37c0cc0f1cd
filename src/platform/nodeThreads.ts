/** Threads through node:worker_threads. */
import { Worker } from "node:worker_threads";
import type { Thread, ThreadCode, ThreadEvents } from "./platform";
import { threadSource } from "./platform";

const port = `(({parentPort:p})=>({
  post:(m)=>p.postMessage(m),
  listen:(f)=>p.on("message",f),
  clock:()=>{const[s,n]=process.hrtime();return s*1e3+n/1e6}
}))(require("node:worker_threads"))`;

export function startNodeThread(code: ThreadCode, events: ThreadEvents): Thread | null {
  let ended = false;
  const fail = (reason: string): void => {
    if (!ended) events.failed(reason);
    ended = true;
  };
  // Options of this process, such as loaders, are not for a thread that loads nothing.
  const worker = new Worker(threadSource(code, port), {
    eval: true,
    execArgv: [],
    name: "tilegrad",
  });
  worker.on("message", (message) => {
    if (!ended) events.message(message);
  });
  worker.on("messageerror", (error) => fail(String(error)));
  worker.on("error", (error) => fail(String(error)));
  worker.on("exit", (exitCode) => fail(`it ended with ${exitCode}`));
  // After the listeners: adding one keeps the process alive again.
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    keepAlive: (on) => (on ? worker.ref() : worker.unref()),
    async terminate() {
      ended = true;
      await worker.terminate();
    },
  };
}
