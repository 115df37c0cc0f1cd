import { AdapterError } from "../errors";
import { openBrowserCache } from "./browserCache";
import { startBrowserThread } from "./browserThreads";
import type { Platform } from "./platform";

/** A page or worker. */
export const browserPlatform: Platform = {
  name: "browser",
  waitingSpins: false,
  async gpu() {
    const gpu = globalThis.navigator?.gpu;
    if (!gpu)
      throw new AdapterError(
        globalThis.isSecureContext === false
          ? "WebGPU needs a secure context: serve the page over https or from localhost."
          : "This browser has no WebGPU. Use Chrome or Edge 113+, Safari 26+, or Firefox 141+ on Windows or Apple silicon.",
      );
    return gpu;
  },

  /** Browsers do not tell; the page gets the one they prefer. */
  async adapterNames() {
    const adapter = await (await this.gpu()).requestAdapter();
    return adapter ? [adapter.info.description || adapter.info.vendor] : [];
  },

  async hardwareGPU() {
    return globalThis.navigator?.gpu ?? null;
  },

  wantedExecutor: () => undefined,

  cores: () => globalThis.navigator?.hardwareConcurrency ?? 1,

  sharesMemory: () => typeof SharedArrayBuffer !== "undefined" && globalThis.crossOriginIsolated,

  startThread: startBrowserThread,

  byteCache: openBrowserCache,

  collectGarbage() {},

  pause: () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    }),
};
