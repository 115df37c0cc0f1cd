/** The package as its users get it: packed, installed, imported, type-checked, bundled, run. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleSizes } from "../../bundleSizes.mjs";
import { type Consumer, installPackage } from "../consumer";
import { readmeExample } from "../readme";

const root = fileURLToPath(new URL("../../", import.meta.url));
const patience = 120_000;

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPackage();
}, patience);
afterAll(() => consumer?.[Symbol.asyncDispose]());

const read = (path: string) => readFile(`${consumer.installed}/${path}`, "utf8");

/** Every string under `value`: the targets of an exports map. */
const strings = (value: unknown): string[] =>
  typeof value === "string" ? [value] : Object.values(value as object).flatMap(strings);

describe("what is packed", () => {
  test("the package has no dependencies but the optional peer, and is free of side effects", async () => {
    const manifest = JSON.parse(await read("package.json"));
    expect(manifest).not.toHaveProperty("dependencies");
    expect(Object.keys(manifest.peerDependencies)).toEqual(["webgpu"]);
    expect(manifest.peerDependenciesMeta).toEqual({ webgpu: { optional: true } });
    expect(manifest.sideEffects).toBe(false);
  });

  test("every file that package.json names is there, with the demo's text and the licence", async () => {
    const { exports, bin, types } = JSON.parse(await read("package.json"));
    const named = [exports, bin, types].flatMap(strings).map((path) => path.replace("./", ""));
    const wanted = [...named, "LICENSE", "README.md", "CHANGELOG.md", "dist/demo.txt"];
    expect(wanted.filter((path) => !consumer.packed.includes(path))).toEqual([]);
  });

  test("sources, tests, benches and API pages stay at home", () => {
    const strays = consumer.packed.filter(
      (path) => !/^(dist\/(modules|types|cli|chunks)\/|dist\/[^/]+$|[^/]+$)/.test(path),
    );
    expect(strays).toEqual([]);
    expect(
      consumer.packed.filter((path) => /\.tsx?$/.test(path) && !/\.d\.ts$/.test(path)),
    ).toEqual([]);
  });

  test("modules and declarations import only each other; webgpu and Node are for Node's own files", async () => {
    const named =
      /^(?:import|export|\})[^"'`;]*? from "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"/gm;
    const broken: string[] = [];
    let checked = 0;
    for (const file of consumer.packed.filter((path) => /\.(js|d\.ts)$/.test(path)))
      for (const [, ...found] of (await read(file)).matchAll(named)) {
        const specifier = found.find((text) => text !== undefined)!;
        checked++;
        const target = posix.join(posix.dirname(file), specifier);
        const declared = target.replace(/\.js$/, ".d.ts");
        const fits = specifier.startsWith(".")
          ? consumer.packed.includes(file.endsWith(".d.ts") ? declared : target)
          : (specifier === "webgpu" || isBuiltin(specifier)) &&
            /^dist\/(cli|chunks|modules\/platform)\/(?!browser)/.test(file);
        if (!fits) broken.push(`${file} imports ${specifier}`);
      }
    expect(broken).toEqual([]);
    expect(checked).toBeGreaterThan(consumer.packed.length);
  });
});

test("local links of the README and the documents lead to files", () => {
  const documents = readdirSync(`${root}docs`).filter((file) => file.endsWith(".md"));
  const dead = ["README.md", ...documents.map((file) => `docs/${file}`)].flatMap((file) =>
    [...readFileSync(`${root}${file}`, "utf8").matchAll(/\]\((?!\w+:|#)([^)#]+)/g)]
      .map(([, link]) => posix.join(posix.dirname(file), link!))
      .filter((target) => !existsSync(`${root}${target}`))
      .map((target) => `${file} links to ${target}`),
  );
  expect(dead).toEqual([]);
});

describe("in Node", { timeout: patience }, () => {
  test("both entries load", async () => {
    await consumer.write(
      "entries.js",
      `import * as tg from "tilegrad";
       import * as kernels from "tilegrad/kernels";
       console.log(typeof tg.init, typeof tg.nn.GPT, typeof kernels.launch, kernels.matmulTiled.name);`,
    );
    expect(await consumer.run("node", ["entries.js"])).toMatchObject({
      code: 0,
      out: "function function function matmul/tiled\n",
    });
  });

  test("without webgpu, init takes the CPU, says nothing, and lets the process end", async () => {
    await consumer.write(
      "bare.js",
      `import { init, tensor } from "tilegrad";
       const device = await init({ threads: 2, cache: false });
       console.log(await tensor([1, 2]).mul(3).sum().item(), device.executor.kind);`,
    );
    expect(await consumer.run("node", ["bare.js"])).toEqual({ code: 0, out: "9 cpu\n", err: "" });
  });

  test("without webgpu, the README's example learns, says nothing else, and ends by itself", async () => {
    await consumer.write("example.js", readmeExample("In Node"));
    const { code, out, err } = await consumer.run("node", ["example.js"]);
    expect([code, err]).toEqual([0, ""]);
    const lines = out.trim().split("\n");
    const steps = lines.slice(0, -1).map((line) => line.split(" ").map(Number));
    expect(steps.map(([step]) => step)).toEqual([100, 200, 300, 400]);
    expect(steps[3]![1]).toBeLessThan(steps[0]![1]! / 4);
    expect(Math.abs(Number(lines.at(-1)) - 1)).toBeLessThan(0.1);
  });

  test("the README's compiled function says its plan and its kernels", async () => {
    await consumer.write("compiled.js", readmeExample("Compile and profile"));
    const { code, out, err } = await consumer.run("node", ["compiled.js"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^compile a function: first call\. \d+ operations in \d+ dispatches/);
    expect(out).toMatch(/\n65536\n/);
    expect(out).toMatch(/GFLOP\/s[\s\S]*matmul\//);
  });

  test("tilegrad/functions computes without methods, through modules and transforms too", async () => {
    await consumer.write(
      "functions.js",
      `import { cond, fft, grad, init, mul, nn, ones, sum, tensor } from "tilegrad/functions";
       await init({ executor: "cpu", threads: 2, cache: false });
       const x = tensor([1, 2, 3, 4]);
       const config = { vocab: 5, context: 4, layers: 1, heads: 2, width: 8 };
       const logits = new nn.GPT(config).forward(tensor([[0, 1, 2, 3]], { dtype: "i32" }));
       const attended = new nn.MultiheadAttention(8, 2).forward(ones([1, 4, 8]));
       const doubled = cond(tensor(true), (v) => mul(v, 2), (v) => v, x);
       const slope = grad((v) => sum(mul(v, v)))(x);
       const back = fft.irfft(fft.rfft(x));
       console.log("mul" in x, logits.shape.join(), attended.shape.join());
       for (const t of [doubled, slope, back]) console.log([...(await t.data())].map(Math.round).join());`,
    );
    const { code, out, err } = await consumer.run("node", ["functions.js"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe("false 1,4,5 1,4,8\n2,4,6,8\n2,4,6,8\n1,2,3,4\n");
  });

  test("tilegrad/transport is the transport of tilegrad, and solves without tensor methods", async () => {
    await consumer.write(
      "transport.js",
      `import { init, tensor, transport } from "tilegrad/functions";
       import { sinkhorn } from "tilegrad/transport";
       await init({ executor: "cpu", threads: 0, cache: false });
       const { plan } = sinkhorn(null, null, tensor([[0, 1], [1, 0]]), { epsilon: 1 });
       console.log(sinkhorn === transport.sinkhorn, (await plan.dense().data())[0].toFixed(4));`,
    );
    const { code, out, err } = await consumer.run("node", ["transport.js"]);
    expect([code, err, out]).toEqual([0, "", "true 0.3655\n"]);
  });

  test("work under way is not lost at the end of a program", async () => {
    await consumer.write(
      "end.js",
      `import { init, ones } from "tilegrad";
       await init({ executor: "cpu", threads: 2, cache: false });
       ones([512, 512]).matmul(ones([512, 512])).sum().item().then(console.log);`,
    );
    expect(await consumer.run("node", ["end.js"])).toEqual({
      code: 0,
      out: `${512 ** 3}\n`,
      err: "",
    });
  });

  test("kernels are kept in the user's cache folder, and taken from there", async () => {
    await consumer.write(
      "cached.js",
      `import { init, tensor } from "tilegrad";
       process.env.XDG_CACHE_HOME = new URL("cache", import.meta.url).pathname;
       await init({ executor: "cpu" });
       console.log(await tensor([1, 2]).mul(3).sum().item());`,
    );
    const folder = `${consumer.folder}/cache/tilegrad`;
    const written = () =>
      readdirSync(folder).map((file) => [file, statSync(`${folder}/${file}`).mtimeMs]);
    expect(await consumer.run("node", ["cached.js"])).toMatchObject({ out: "9\n" });
    const first = written();
    expect(first.length).toBeGreaterThan(0);
    expect(await consumer.run("node", ["cached.js"])).toMatchObject({ out: "9\n" });
    expect(written()).toEqual(first);
  });

  test("without webgpu, an executor that needs it says what to install", async () => {
    await consumer.write(
      "asks.js",
      `import { init } from "tilegrad";\nawait init({ executor: "webgpu" });\n`,
    );
    const { code, err } = await consumer.run("node", ["asks.js"]);
    expect(code).toBe(1);
    expect(err).toMatch(/AdapterError: .*needs the package "webgpu".*npm install webgpu/);
  });

  test("the command needs nothing beside the package", async () => {
    const npx = (...args: string[]) =>
      consumer.run("npx", ["--offline", "--no-install", "tilegrad", ...args]);
    const { version } = JSON.parse(await read("package.json"));
    expect(await npx("--version")).toMatchObject({ code: 0, out: `${version}\n` });
    const listed = JSON.parse((await npx("kernels", "--json")).out) as { name: string }[];
    const shaders = readdirSync(`${root}shaders`, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".wgsl") && !/^(include|rules)\b/.test(file))
      .map((file) => file.replace(/\.wgsl$/, "").replaceAll("\\", "/"));
    expect(listed.map(({ name }) => name).sort()).toEqual(shaders.sort());
  });

  test("without webgpu, the command trains on the CPU", async () => {
    const { code, err } = await consumer.run("node", [
      ...["node_modules/tilegrad/dist/cli/main.js", "train", "gpt"],
      ...["--text", "node_modules/tilegrad/README.md", "--steps", "1", "--out", "run"],
    ]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });
});

describe("in TypeScript", () => {
  const program = `
    import * as tg from "tilegrad";
    import { init, nn, optim, type Tensor, tensor, trainStep } from "tilegrad";
    import { type Kernel, launch, matmulTiled } from "tilegrad/kernels";

    const device: tg.Device = await init();
    const a: Tensor = tensor([1, 2, 3]);
    const total: Tensor = a.mul(2).add(a).sum({ dim: 0, keepdim: true });
    const gradient: Tensor = tg.grad((x: Tensor) => tg.sum(tg.mul(x, x)))(a);
    const value: number = await total.item();
    {
      using product = a.reshape([3, 1]).matmul(a.reshape([1, 3]));
      const shape: readonly number[] = product.shape;
    }
    const model = new nn.Linear(3, 1);
    const optimizer = optim.adamw(model.namedParameters(), { lr: 0.1 });
    const step = trainStep(model, optimizer, (m, { input, target }) =>
      nn.functional.mseLoss(m.forward(input), target));
    const x: tg.HostTensor = { values: new Float32Array(3), shape: [1, 3] };
    const { loss } = step({ input: x, target: x });
    const name: string = matmulTiled.name;

    // @ts-expect-error a tensor has no such method
    a.multiply(2);
    // @ts-expect-error a shape is a list of numbers
    a.reshape("3");
    // @ts-expect-error the kernel's bindings are a, b and c
    const wrong: Kernel<{ z: number }, object, object> = matmulTiled;`;

  test.each([
    ["bundler", "esnext"],
    ["nodenext", "nodenext"],
  ])(
    "a strict project checks with moduleResolution %s, its libraries too, and so does the README's example",
    async (moduleResolution, module) => {
      await consumer.write("program.ts", program);
      await consumer.write("readme.js", readmeExample("In Node"));
      await consumer.write(
        "tsconfig.json",
        JSON.stringify({
          compilerOptions: {
            ...{ noEmit: true, strict: true, skipLibCheck: false, checkJs: true, types: [] },
            ...{ target: "es2022", module, moduleResolution },
          },
          files: ["program.ts", "readme.js"],
        }),
      );
      const tsc = `${root}node_modules/typescript/bin/tsc`;
      expect(await consumer.run("node", [tsc, "-p", "."])).toEqual({ code: 0, out: "", err: "" });
    },
    patience,
  );
});

describe("in a bundle", () => {
  async function bundle(contents: string, options: BuildOptions = {}) {
    const { outputFiles, metafile, warnings } = await build({
      stdin: { contents, resolveDir: consumer.folder },
      absWorkingDir: consumer.folder,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      write: false,
      metafile: true,
      logLevel: "silent",
      ...options,
    });
    expect(warnings).toEqual([]);
    const [output] = Object.values(metafile!.outputs);
    const used = Object.entries(output!.inputs).filter(
      ([, { bytesInOutput }]) => bytesInOutput > 0,
    );
    return {
      bytes: outputFiles![0]!.contents.length,
      imports: output!.imports.map(({ path }) => path),
      files: used.map(([file]) => file.replace("node_modules/tilegrad/dist/", "")),
    };
  }

  const everything = 'import * as tg from "tilegrad"; console.log(tg);';

  test("a browser bundle is complete: it imports nothing, and has the browser's door only", async () => {
    const { imports, files } = await bundle(everything);
    expect(imports).toEqual([]);
    expect(files).toContain("modules/browser.js");
    expect(files).toContain("modules/platform/browser.js");
    expect(files.filter((file) => /node/i.test(file.replace("modules/", "")))).toEqual([]);
  });

  test("a bundle for Node has Node's door, and imports webgpu and Node alone", async () => {
    const { imports, files } = await bundle(everything, { platform: "node", external: ["webgpu"] });
    expect(imports.filter((name) => name !== "webgpu" && !isBuiltin(name))).toEqual([]);
    expect(files).toContain("modules/node.js");
    expect(files).not.toContain("modules/platform/browser.js");
  });

  test("what a program does not use stays out of its bundle", async () => {
    // A part of its own, which whoever has a GPU does not load.
    const withoutCPU = { external: ["*/cpu/executor.js"] };
    const size = async (names: string, from = "tilegrad") =>
      (await bundle(`import { ${names} } from "${from}"; console.log(${names});`, withoutCPU))
        .bytes;
    const { bytes: all, imports } = await bundle(everything, withoutCPU);
    expect(imports).toEqual(["./cpu/executor.js"]);
    expect(await size("ShapeError")).toBeLessThan(all / 100);
    expect(await size("tensor, add")).toBeLessThan(all / 4);
    // Methods of Tensor bring every operation along, but no modules, optimizers or trainer.
    expect(await size("init, tensor, add")).toBeLessThan(all * 0.6);
    expect(await size("optimUpdate, launch", "tilegrad/kernels")).toBeLessThan(all / 25);
  });

  test("programs and files keep to the committed budget of bytes", async () => {
    const sizes = await bundleSizes();
    expect(sizes.length).toBeGreaterThan(3);
    expect(sizes.filter(({ gzip, budget }) => gzip > budget)).toEqual([]);
    // A budget far above what is used would let anything in.
    expect(sizes.filter(({ gzip, budget }) => gzip < budget * 0.6)).toEqual([]);
  });

  test("through tilegrad/functions a bundle holds the operations that it names, and neither plans nor modules", async () => {
    const named = (from: string) =>
      bundle(`import { init, tensor, grad } from "${from}"; console.log(init, tensor, grad);`, {
        external: ["*/cpu/executor.js"],
      });
    const { files, bytes } = await named("tilegrad/functions");
    const strays =
      /modules\/(plan|nn|optim|linalg|train)\/|generated\/(matmul|sort|scan|softmax)\//;
    expect(files.filter((file) => strays.test(file))).toEqual([]);
    expect(bytes).toBeLessThan((await named("tilegrad")).bytes / 2);
  });

  test("shipped kernels carry no comments", async () => {
    const { files } = await bundle(everything);
    const kernels = files.filter((file) => file.includes("kernels/generated/"));
    expect(kernels.length).toBeGreaterThan(100);
    for (const file of kernels)
      expect(await read(`dist/${file}`), file).not.toMatch(/^ .*"[^"]*\/\/ /m);
  });

  test("the kernels' entry brings no second copy of what the library uses", async () => {
    const { bytes: all } = await bundle(everything);
    const both = `import * as kernels from "tilegrad/kernels"; console.log(kernels); ${everything}`;
    expect((await bundle(both)).bytes).toBeLessThan(all * 1.05);
  });

  test("the files for pages import each other at most; the CPU executor only where it is needed", async () => {
    const named = /\b(?:import|from)\s*\(?\s*"((?:\.|node:|webgpu)[^"]*)"/g;
    const imports = async (file: string) =>
      [...(await read(file)).matchAll(named)].map(([statement, path]) => [path, statement]);
    expect(await imports("dist/kernels.js")).toEqual([]);
    expect(await imports("dist/browser.js")).toEqual([["./cpu.js", 'import("./cpu.js"']]);
    expect(new Set((await imports("dist/cpu.js")).map(([path]) => path))).toEqual(
      new Set(["./browser.js"]),
    );
  });

  test("the CPU executor, compiler and all, is at most 120 KB compressed", async () => {
    const bytes = gzipSync(await read("dist/cpu.js"), { level: 9 }).length;
    expect(bytes).toBeLessThan(120_000);
    expect(bytes).toBeGreaterThan(20_000);
  });
});
