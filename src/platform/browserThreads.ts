/** Threads through web workers. */
import type { Thread, ThreadCode, ThreadEvents } from "./platform";
import { threadSource } from "./platform";

/** Its clock counts from the page's beginning: milliseconds since 1970 are good to only 244 ns in an f64. */
const port = (origin: number) => `{
  post:(m)=>postMessage(m),
  listen:(f)=>{onmessage=(e)=>f(e.data)},
  clock:()=>performance.timeOrigin-${origin}+performance.now()
}`;

export function startBrowserThread(code: ThreadCode, events: ThreadEvents): Thread | null {
  if (typeof Worker === "undefined") return null;
  const url = URL.createObjectURL(
    new Blob([threadSource(code, port(performance.timeOrigin))], { type: "text/javascript" }),
  );
  let worker: Worker;
  try {
    worker = new Worker(url, { name: "tilegrad" });
  } catch {
    // A content security policy may forbid workers from blobs.
    URL.revokeObjectURL(url);
    return null;
  }
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url);
    events.message(data);
  };
  worker.onmessageerror = () => events.failed("a message could not be read");
  worker.onerror = (event) => {
    event.preventDefault();
    events.failed(event.message ?? "it could not be loaded");
  };
  return {
    post: (message) => worker.postMessage(message),
    keepAlive: () => undefined,
    async terminate() {
      worker.onmessage = null;
      worker.onerror = null;
      worker.terminate();
    },
  };
}
