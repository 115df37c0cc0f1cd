/** Numbers for people, the same on the screen and in the report. */
import type { AdapterClass } from "../device/executor";

/** 4.1 s, 2 min 5 s, 3 h 20 min. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 512 B, 1.5 MiB: powers of 1024. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : threeDigits(value)} ${units[unit]}`;
}

/** 12,345: a whole number with its thousands apart. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 1 submit, 2 submits. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** 812, 12.3 k, 10.8 M: where three digits say enough. */
export function magnitude(value: number): string {
  if (value < 1e3) return String(Math.round(value));
  if (value < 1e6) return `${threeDigits(value / 1e3)} k`;
  if (value < 1e9) return `${threeDigits(value / 1e6)} M`;
  return `${threeDigits(value / 1e9)} G`;
}

function threeDigits(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

/** Four decimals, or what to say when there is no finite loss. */
export function loss(value: number | null): string {
  return value === null ? "not finite" : value.toFixed(4);
}

const ADAPTER_KINDS: Readonly<Record<AdapterClass, string>> = {
  hardware: "GPU",
  software: "software driver: WebGPU on the CPU",
  wasm: "CPU executor: WebAssembly, without WebGPU",
};

/** What computes, in a few words. */
export function adapterKind(adapterClass: AdapterClass): string {
  return ADAPTER_KINDS[adapterClass];
}

/** llvmpipe (LLVM 15.0.6, 256 bits), software: what an adapter calls itself, and what kind it is. */
export function adapterName(adapter: {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  class: AdapterClass;
}): string {
  const own =
    adapter.description ||
    [adapter.vendor, adapter.architecture, adapter.device].filter(Boolean).join(" ") ||
    "unnamed adapter";
  return adapter.class === "software" ? `${own}, software` : own;
}
