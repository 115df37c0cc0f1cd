/** What goes wrong in use of the CPU executor, and what must not: whatever the tier's own adapter is. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CPUExecutor } from "../../src/cpu/executor";
import { launch, pointwiseUnary } from "../../src/kernels";
import type { AnyKernel } from "../../src/kernels/kernel";
import * as tg from "../../src/node";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";

const open = (): Promise<tg.Device> => tg.init({ executor: "cpu", threads: 2 });

test("tensors beyond 4 GiB are refused with sizes and cure, and the device goes on", async () => {
  const device = await open();
  const kept: tg.Tensor[] = [];
  const fill = () => {
    for (let i = 0; i < 9; i++) kept.push(tg.zeros([1 << 27]));
  };
  expect(fill).toThrow(tg.OutOfMemoryError);
  expect(() => tg.zeros([1 << 27])).toThrow(
    /no memory for f32 tensor \[134217728\] \(536870912 bytes\): \d+ of \d+ bytes are in use\. Dispose tensors/,
  );
  expect(kept.length).toBeGreaterThan(0);
  expect(await tg.ones([1000]).add(1).sum().item()).toBe(2000);
  kept.pop()!.dispose();
  expect(
    await tg
      .zeros([1 << 27])
      .slice({ dim: 0, end: 8 })
      .sum()
      .item(),
  ).toBe(0);
  await device.destroy();
});

test("an error in a kernel of the user's names the kernel, the line and what is wrong", async () => {
  const device = await open();
  const [x, y] = [tg.ones([4]), tg.ones([4])];
  const { source } = pointwiseUnary as AnyKernel;
  const line = source.trimEnd().split("\n").length + 1;
  const kernel: AnyKernel = {
    ...(pointwiseUnary as AnyKernel),
    name: "mine/wrong",
    source: `${source.trimEnd()}\nfn half(x: f32) -> f32 { return x / 2u; }\n`,
  };
  const bindings = { x: (x as DeviceTensor).binding, y: (y as DeviceTensor).binding };
  launch(device, kernel, bindings, { count: 1, infinity: 0 }, [1, 1, 1], {});
  const error = await x.data().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(tg.DeviceValidationError);
  expect(String(error)).toMatch(new RegExp(`mine/wrong: line ${line}, column \\d+: .*u32`));
  expect(() => x.add(1)).toThrow(error as Error);
  await device.destroy();
});

test("an index out of range is an IndexError that names it, and the device goes on", async () => {
  const device = await open();
  const table = tg.ones([10, 4]);
  const index = tg.tensor([[3, 1, 1, 12]], { dtype: "i32" });
  const error = await tg
    .gather(table, 0, index)
    .data()
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(tg.IndexError);
  expect(String(error)).toMatch(/gather: .*index 12 is out of range; valid are 0 to 9/);
  expect(await table.sum().item()).toBe(40);
  await device.destroy();
});

test("1,000 steps of training take no more memory than 10", async () => {
  const device = await open();
  const [vocab, context, batch] = [16, 8, 2];
  const model = new tg.nn.GPT({ vocab, context, layers: 1, heads: 2, width: 16, dropout: 0.1 });
  const optimizer = tg.optim.adamw(model.namedParameters(), { clipGradNorm: 1 });
  const step = tg.trainStep(model, optimizer, (m, { input, target }) =>
    tg.nn.functional.crossEntropy(m.forward(input).reshape([-1, vocab]), target.reshape([-1])),
  );
  const tokens = { values: new Int32Array(batch * context).fill(3), shape: [batch, context] };
  const { memory } = (device.executor as CPUExecutor)["memory"];
  const train = async (until: number) => {
    while (step.count < until) {
      step({ input: tokens, target: tokens });
      await device.executor.throttle(2);
    }
    await device.synchronize();
    const { liveBytes, liveBuffers, pooledBytes } = tg.memory(device);
    return { liveBytes, liveBuffers, pooledBytes, reserved: memory.buffer.byteLength };
  };
  const early = await train(10);
  expect(await train(1000)).toEqual(early);
  await device.destroy();
});

describe("a process", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "tilegrad-process-"));
    const root = fileURLToPath(new URL("../../", import.meta.url));
    const contents = `
      import { init, arange } from "./src/node.ts";
      const device = await init({ executor: "cpu", threads: Number(process.argv[3]), cache: false });
      const sum = arange(0, 1000, 1).sum();
      const end = process.argv[2];
      if (end === "an unread result") device.executor.flush();
      else console.log(await sum.item());
      if (end === "destroy") await device.destroy();
      const since = performance.now();
      process.on("exit", () => console.log(Math.ceil(performance.now() - since)));`;
    await build({
      stdin: { contents, resolveDir: root },
      absWorkingDir: root,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      external: ["webgpu"],
      outfile: path.join(folder, "program.mjs"),
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
      logLevel: "error",
    });
  });
  afterAll(() => rm(folder, { recursive: true }));

  for (const threads of [0, 2])
    test.each(["destroy", "a forgotten device", "an unread result"])(
      `with threads: ${threads} ends by itself after %s`,
      async (end) => {
        const program = path.join(folder, "program.mjs");
        const options = { timeout: 30_000 };
        const ran = promisify(execFile)(process.execPath, [program, end, `${threads}`], options);
        const lines = (await ran).stdout.trim().split("\n");
        if (end !== "an unread result") expect(lines.shift()).toBe("499500");
        expect(Number(lines[0])).toBeLessThan(5000);
      },
    );
});
