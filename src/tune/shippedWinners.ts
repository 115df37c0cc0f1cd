// Written by `npm run tune`. Do not edit.
import type { Winners } from "./winners";

/** By adapter; only what differs from the default. */
export const shippedWinners: Readonly<Record<string, Winners>> = {
  wasm: {
    "reduce 1 4096 yes no": "workgroup",
    "scan 1 65536": "serial",
  },
};
