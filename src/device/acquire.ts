/** From a GPU object to a device with every limit and feature the library can use. */
import { AdapterError } from "../errors";
import { classifyAdapter } from "./adapterClass";
import type { AdapterReport, ExecutorLimits, SubgroupMatrix } from "./executor";

export interface AcquireOptions {
  /** Part of the name of the adapter to use, as `listAdapters` gives it. */
  adapter?: string;
  /** Which adapter to prefer where the platform has several. Default "high-performance". */
  powerPreference?: GPUPowerPreference;
  /**
   * Milliseconds of work that one submit may hold, as far as can be told ahead: systems reset a GPU that one keeps
   * busy for longer than about two seconds. Longer programs take several submits; a dispatch that is too long on its
   * own runs in parts. Infinity: no bound. Default 250 on a GPU, none on software drivers; without effect on the CPU
   * executor. See docs/reliability.md.
   */
  longestSubmit?: number;
  /** Lower limits than the adapter offers, for tests of the paths that split. */
  limits?: Partial<ExecutorLimits>;
  /** Features to leave unused, by WebGPU name, for tests of the paths without them. */
  withoutFeatures?: readonly string[];
}

/** Drivers call themselves "Name (1.2)"; in `GPUAdapterInfo` that is "name-1-2-". */
const plain = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

/** An experiment of Dawn's, offered where unsafe features are allowed. */
const subgroupMatrix = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

const usefulFeatures = ["timestamp-query", "shader-f16", "subgroups", subgroupMatrix] as const;

/** As Dawn reports them. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function subgroupMatrices(info: GPUAdapterInfo): SubgroupMatrix[] {
  const { subgroupMatrixConfigs } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  return [...(subgroupMatrixConfigs ?? [])].map((config) => ({
    operands: config.componentType,
    sums: config.resultComponentType,
    m: config.M,
    n: config.N,
    k: config.K,
  }));
}

const limitNames = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupsPerDimension",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;

export function describeAdapter(adapter: GPUAdapter): AdapterReport {
  const { info } = adapter;
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    class: classifyAdapter(info),
    features: [...adapter.features].sort(),
    subgroupMinSize: info.subgroupMinSize ?? 0,
    subgroupMaxSize: info.subgroupMaxSize ?? 0,
  };
}

export interface Acquired {
  readonly device: GPUDevice;
  /** Held for the life of the device: Dawn crashes when the adapter is collected first. */
  readonly adapter: GPUAdapter;
  readonly report: AdapterReport;
  readonly limits: ExecutorLimits;
}

/**
 * Asks for an adapter and a device on it, with the adapter's own limits by name.
 * @throws AdapterError when there is no adapter or the device request is refused.
 */
export async function acquire(gpu: GPU, options: AcquireOptions = {}): Promise<Acquired> {
  const adapter = await gpu.requestAdapter({
    powerPreference: options.powerPreference ?? "high-performance",
  });
  if (!adapter)
    throw new AdapterError(
      "No WebGPU adapter was found. Run `tilegrad doctor` to see what is missing on this machine.",
    );
  const { info } = adapter;
  const called = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  if (options.adapter && !plain(called).includes(plain(options.adapter)))
    throw new AdapterError(
      `No adapter is called "${options.adapter}"; WebGPU gives "${called.trim()}".`,
    );
  const unused = new Set(options.withoutFeatures ?? []);
  const requiredFeatures = usefulFeatures.filter((f) => adapter.features.has(f) && !unused.has(f));
  const requiredLimits: Record<string, number> = {};
  for (const name of limitNames) requiredLimits[name] = adapter.limits[name];
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredFeatures, requiredLimits, label: "tilegrad" });
  } catch (error) {
    throw new AdapterError(
      `The adapter "${adapter.info.description || adapter.info.vendor}" refused a device: ${error instanceof Error ? error.message : error}`,
    );
  }
  const granted: ExecutorLimits = {
    maxBufferBytes: device.limits.maxBufferSize,
    maxBindingBytes: device.limits.maxStorageBufferBindingSize,
    maxStorageBuffers: device.limits.maxStorageBuffersPerShaderStage,
    maxWorkgroupsPerDimension: device.limits.maxComputeWorkgroupsPerDimension,
    maxInvocationsPerWorkgroup: device.limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  };
  return {
    device,
    adapter,
    report: {
      ...describeAdapter(adapter),
      features: [...device.features].sort(),
      ...(device.features.has(subgroupMatrix) ? { subgroupMatrices: subgroupMatrices(info) } : {}),
    },
    limits: { ...granted, ...options.limits },
  };
}
