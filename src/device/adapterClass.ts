import type { AdapterClass } from "./executor";

const softwareNames = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|\bcpu\b/i;

/** Tells CPU implementations of WebGPU from GPUs by what the adapter says of itself. */
export function classifyAdapter(info: {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallbackAdapter?: boolean;
}): AdapterClass {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || softwareNames.test(text) ? "software" : "hardware";
}
