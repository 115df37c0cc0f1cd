import { afterAll, beforeAll, expect, test } from "vitest";
import { openPage, type TestPage } from "./chromium";

let opened: TestPage;
beforeAll(async () => {
  opened = await openPage();
});
afterAll(() => opened?.[Symbol.asyncDispose]());

test("a page gets the SwiftShader adapter", async () => {
  const architecture = await opened.page.evaluate(
    async () => (await navigator.gpu.requestAdapter())?.info.architecture,
  );
  expect(architecture).toBe("swiftshader");
});

test("a page adds two vectors on its device", async () => {
  const sum = await opened.page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice();
    const upload = (values: number[]) => {
      const buffer = device.createBuffer({
        size: values.length * 4,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      device.queue.writeBuffer(buffer, 0, new Float32Array(values));
      return buffer;
    };
    const a = upload([1, 2, 3, 4]);
    const b = upload([10, 20, 30, 40]);
    const read = device.createBuffer({
      size: 16,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const code = `
      @group(0) @binding(0) var<storage, read_write> a: array<f32>;
      @group(0) @binding(1) var<storage, read> b: array<f32>;
      @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
        a[id.x] += b[id.x];
      }`;
    const pipeline = await device.createComputePipelineAsync({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }) },
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [a, b].map((buffer, binding) => ({ binding, resource: { buffer } })),
      }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(a, 0, read, 0, 16);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    return [...new Float32Array(read.getMappedRange())];
  });
  expect(sum).toEqual([11, 22, 33, 44]);
});

test("a page reaches no address but localhost, not even another name of this machine", async () => {
  const outcome = await opened.page.evaluate(() =>
    fetch(`http://127.0.0.1:${location.port}/`, { mode: "no-cors" }).then(
      () => "reached",
      () => "refused",
    ),
  );
  expect(outcome).toBe("refused");
});
