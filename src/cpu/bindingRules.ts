/** What WebGPU asks of a dispatch's bindings and grid; each function says what is wrong, or null. */
import type { BufferBinding, ExecutorLimits, Program } from "../device/executor";

type Access = Program["bindings"][number]["access"];

function wrongRange({ buffer, offset, bytes }: BufferBinding, unit: number): string | null {
  if (offset % unit !== 0) return `offset ${offset} is not a multiple of ${unit}`;
  if (bytes % 4 !== 0) return `its ${bytes} bytes are not a multiple of 4`;
  if (offset < 0 || bytes < 0 || offset + bytes > buffer.bytes)
    return `bytes ${offset} to ${offset + bytes} go beyond the buffer's ${buffer.bytes}`;
  return null;
}

/** A buffer that a dispatch writes must not be visible to it in a second way. */
function wrongPair(a: BufferBinding, aAccess: Access, b: BufferBinding, bAccess: Access) {
  if (a.buffer !== b.buffer || (aAccess === "read" && bAccess === "read")) return null;
  if (aAccess !== bAccess) return "the same buffer is bound for reading and for writing";
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
    ? "both may write where the other does"
    : null;
}

export function wrongDispatch(
  program: Program,
  bindings: readonly BufferBinding[],
  params: Uint8Array | null,
  grid: readonly [number, number, number],
  limits: ExecutorLimits,
): string | null {
  const wanted = program.bindings;
  if (bindings.length !== wanted.length)
    return `it has ${wanted.length} bindings, ${bindings.length} were given`;
  if (wanted.length > limits.maxStorageBuffers)
    return `it has ${wanted.length} bindings; this device allows ${limits.maxStorageBuffers}`;
  for (let i = 0; i < wanted.length; i++) {
    const one = bindings[i]!;
    const { name, access } = wanted[i]!;
    if (one.bytes === 0) return `binding ${name} is empty`;
    if (one.bytes > limits.maxBindingBytes)
      return `binding ${name}: ${one.bytes} bytes; this device binds at most ${limits.maxBindingBytes}`;
    const wrong = wrongRange(one, 256);
    if (wrong) return `binding ${name}: ${wrong}`;
    for (let k = 0; k < i; k++) {
      const clash = wrongPair(bindings[k]!, wanted[k]!.access, one, access);
      if (clash) return `bindings ${wanted[k]!.name} and ${name}: ${clash}`;
    }
  }
  const size = program.params?.size ?? 0;
  if ((params?.byteLength ?? 0) < size)
    return `its parameters are ${size} bytes, ${params?.byteLength ?? 0} were given`;
  const most = limits.maxWorkgroupsPerDimension;
  if (grid.some((n) => n > most))
    return `a grid of ${grid.join(" x ")} workgroups; this device allows ${most} along each dimension`;
  const groups = grid[0] * grid[1] * grid[2];
  return groups > mostGroups
    ? `a grid of ${groups} workgroups; this device runs at most ${mostGroups} in one dispatch`
    : null;
}

/** Counters of workgroups are signed words, and threads overshoot. */
const mostGroups = 2 ** 30;

export function wrongCopy(from: BufferBinding, to: BufferBinding): string | null {
  if (from.buffer === to.buffer) return "source and target are the same buffer";
  const wrong = wrongRange(from, 4) ?? wrongRange({ ...to, bytes: from.bytes }, 4);
  return wrong && `from "${from.buffer.label}" to "${to.buffer.label}": ${wrong}`;
}

export function wrongAccess(range: BufferBinding): string | null {
  const wrong = wrongRange(range, 4);
  return wrong && `"${range.buffer.label}": ${wrong}`;
}
