// Asks Dawn, in a process of its own, whether an environment gives a working adapter. A child is
// needed because a bad driver may crash the process that loads it.

import { spawnSync } from "node:child_process";

const marker = "tilegrad-probe ";

// A driver can list an adapter and then fail to compile for it, so the probe runs a kernel.
const program = `
const { create, globals } = await import("webgpu").catch((error) => {
  process.stdout.write(${JSON.stringify(marker)} + JSON.stringify({ loadError: String(error) }));
  process.exit(0);
});
Object.assign(globalThis, globals);
const gpu = create([]);
globalThis.held = [gpu];
const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
let found = {};
if (adapter) {
  const { vendor, architecture, device: name, description } = adapter.info;
  const device = await adapter.requestDevice();
  globalThis.held.push(adapter, device);
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const words = device.createBuffer({ size: 4, usage: STORAGE | COPY_SRC });
  const read = device.createBuffer({ size: 4, usage: MAP_READ | COPY_DST });
  const code = "@group(0) @binding(0) var<storage, read_write> word: u32;" +
    "@compute @workgroup_size(1) fn main() { word += 42u; }";
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }) },
  });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: words } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(words, 0, read, 0, 4);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  if (new Uint32Array(read.getMappedRange())[0] === 42)
    found = {
      info: { vendor, architecture, device: name, description,
        isFallbackAdapter: adapter.info.isFallbackAdapter },
      features: [...adapter.features].sort(),
    };
  device.destroy();
}
process.stdout.write(${JSON.stringify(marker)} + JSON.stringify(found));
`;

/**
 * `{ info, features }` of the adapter that `env` (added to this environment) gives and that has run a
 * kernel; `{ loadError }` if Dawn itself does not load; `{}` if there is no such adapter.
 */
export function probeAdapter(root, env) {
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const at = stdout?.lastIndexOf(marker) ?? -1;
  return at < 0 ? {} : JSON.parse(stdout.slice(at + marker.length));
}
