/** The packed package in a fresh project of Node: compiled by TypeScript, bundled by esbuild, resolved as Deno does. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Consumer, installPackage } from "../consumer";
import { expectFall, trainingModule } from "../embeddedTraining";

const root = fileURLToPath(new URL("../../", import.meta.url));

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPackage();
  await consumer.write("train.js", trainingModule);
  await consumer.write(
    "main.js",
    'import { train } from "./train.js";\nconsole.log(JSON.stringify(await train()));\n',
  );
}, 120_000);
afterAll(() => consumer?.[Symbol.asyncDispose]());

async function losses(...args: string[]): Promise<number[]> {
  const { code, out, err } = await consumer.run("node", args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as number[];
}

describe("inference alone", { timeout: 120_000 }, () => {
  const program = `
import { readFileSync } from "node:fs";
import { Checkpoint, init, tensor } from "tilegrad/functions";
import { Linear, ReLU, Sequential } from "tilegrad/nn";

const device = await init({ threads: 0, cache: false });
const model = new Sequential(new Linear(2, 8), new ReLU(), new Linear(8, 1)).eval();
new Checkpoint(readFileSync("model.safetensors"), "model.safetensors").restoreModel(model);
console.log(JSON.stringify([...(await model.forward(tensor([[0, 1], [2, 3]])).data())]));
await device.destroy();
`;

  test("loads safetensors in a bundle without derivatives, optimizers, plans and profiler, and computes what was saved", async () => {
    await consumer.write(
      "save.js",
      `import { writeFileSync } from "node:fs";
       import { encodeCheckpoint, init, nn, tensor } from "tilegrad";
       const device = await init({ threads: 0, cache: false });
       const model = new nn.Sequential(new nn.Linear(2, 8), new nn.ReLU(), new nn.Linear(8, 1));
       writeFileSync("model.safetensors", await encodeCheckpoint({ model }));
       console.log(JSON.stringify([...(await model.forward(tensor([[0, 1], [2, 3]])).data())]));
       await device.destroy();`,
    );
    const saved = await losses("save.js");
    await consumer.write("infer.js", program);
    const { metafile } = await build({
      entryPoints: ["infer.js"],
      absWorkingDir: consumer.folder,
      ...{ bundle: true, platform: "node", format: "esm", metafile: true, minify: true },
      external: ["webgpu"],
      // What `init` imports on some machines alone is in chunks of its own: the CPU executor, the bounds of submits.
      splitting: true,
      outdir: "inference",
    });
    expect(await losses("inference/infer.js")).toEqual(saved);
    const loaded = new Set(["inference/infer.js"]);
    for (const file of loaded)
      for (const { path, kind } of metafile.outputs[file]!.imports)
        if (kind === "import-statement" && path in metafile.outputs) loaded.add(path);
    const used = [...loaded]
      .flatMap((file) => Object.entries(metafile.outputs[file]!.inputs))
      .filter(([, { bytesInOutput }]) => bytesInOutput);
    // `submitBounds` is the line that imports one of these chunks.
    const trained =
      /modules\/(?!profile\/submitBounds)(transforms|optim|plan|profile|tune|objectives|transport)\//;
    expect(used.map(([file]) => file).filter((file) => trained.test(file))).toEqual([]);
    expect(used.length).toBeGreaterThan(50);
  });
});

describe("a fresh project trains", { timeout: 120_000 }, () => {
  test("in plain modules of Node", async () => {
    expectFall(await losses("main.js"));
  });

  test.each([
    ["nodenext", "nodenext"],
    ["bundler", "esnext"],
  ])(
    "compiled by strict TypeScript with moduleResolution %s, libraries checked",
    async (moduleResolution, module) => {
      const folder = `compiled-${moduleResolution}`;
      await consumer.write(
        "train.ts",
        trainingModule.replace("losses = []", "losses: number[] = []"),
      );
      await consumer.write(
        "main.ts",
        'import { train } from "./train.js";\nconsole.log(JSON.stringify(await train()));\n',
      );
      const compilerOptions = {
        ...{ strict: true, skipLibCheck: false, types: [], lib: ["es2023", "dom"] },
        ...{ target: "es2022", module, moduleResolution, outDir: folder },
      };
      await consumer.write(
        "tsconfig.json",
        JSON.stringify({ compilerOptions, files: ["main.ts"] }),
      );
      const tsc = `${root}node_modules/typescript/bin/tsc`;
      expect(await consumer.run("node", [tsc, "-p", "."])).toEqual({ code: 0, out: "", err: "" });
      expectFall(await losses(`${folder}/main.js`));
    },
  );

  test("bundled for Node by esbuild", async () => {
    const { warnings } = await build({
      entryPoints: ["main.js"],
      absWorkingDir: consumer.folder,
      ...{ bundle: true, platform: "node", format: "esm", minify: true },
      external: ["webgpu"],
      outfile: "bundled.mjs",
    });
    expect(warnings).toEqual([]);
    expectFall(await losses("bundled.mjs"));
  });

  // Deno resolves `npm:tilegrad` through the package's exports under these conditions.
  test("resolved under the conditions that Deno sets for npm: specifiers", async () => {
    expectFall(await losses("--conditions=deno", "main.js"));
  });

  test("with built-in modules named as Deno names them, by their node: prefix", async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: ["main.js"],
      absWorkingDir: consumer.folder,
      ...{ bundle: true, platform: "node", format: "esm", write: false, metafile: true },
      external: ["webgpu"],
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    const bare = imports.map(({ path }) => path).filter((path) => !path.startsWith("node:"));
    expect(outputFiles).toHaveLength(1);
    expect([...new Set(bare)]).toEqual(["webgpu"]);
  });
});
