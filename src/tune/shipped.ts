/** The winners that ship with the library, for the adapters that many machines share. */
import type { AdapterReport } from "../device/executor";
import { shippedWinners } from "./shippedWinners";
import type { Winners } from "./winners";

const none: Winners = {};

/** The name of the table for an adapter: `wasm`, `lavapipe`, `swiftshader`; null for others. */
export function tableName({ class: kind, description }: AdapterReport): string | null {
  if (kind === "wasm") return "wasm";
  if (/llvmpipe/i.test(description)) return "lavapipe";
  return /swiftshader/i.test(description) ? "swiftshader" : null;
}

export function shippedFor(adapter: AdapterReport): Winners {
  const name = tableName(adapter);
  return (name !== null && shippedWinners[name]) || none;
}
