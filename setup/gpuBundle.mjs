// What the bundle for a machine with a GPU holds: see docs/gpu-bundle.md.

/** Of the compressed archive. */
export const budgetBytes = 60 * 2 ** 20;

export const archiveName = "tilegrad-gpu-linux-x64.tar.gz";

/** The tiers of tests that run on the target. */
export const tiers = ["static", "numeric", "dawn", "pipelines"];

/** Tests of those tiers that stay here, and why. */
export const leftOut = {
  "numeric/cpuFailures.test.ts": "tests the CPU executor alone, and bundles with esbuild",
  "numeric/cpuDeterminism.test.ts": "tests the CPU executor alone",
};

/** Files that a quick run takes: a few of each kind that take seconds on a software driver. */
export const quickTests = [
  "static/params.test.ts",
  "numeric/products.test.ts",
  "numeric/rearrange.test.ts",
  "numeric/shape.test.ts",
  "dawn/adapter.test.ts",
];

/** Sources and products, from the repository's root, as they lie in the bundle. */
export const projectPaths = [
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
  "LICENSE",
  "README.md",
  "setup",
  "src",
  "shaders",
  "kernels-test",
  "dist/modules",
  "dist/cli",
  "dist/chunks",
  "dist/demo.txt",
  "bench/peers/pytorch.py",
  "bench/peers/serving.py",
];

/** Packages that the tests and benches load; what those need comes with them. */
export const packageRoots = ["vitest", "fast-check", "webgpu", "wgsl_reflect", "benchmark"];

/** Of those, what is never loaded here: vite's compiler of style sheets, and types. */
const unused = /^(lightningcss|detect-libc|@types\/.*|@webgpu\/types|@oxc-project\/types)$/;

/** Native parts that the lock file calls optional, for it names all platforms'. */
const natives = ["@rolldown/binding-linux-x64-gnu"];

/** Paths in a package of Dawn, or of any other, that belong to another platform. */
const otherPlatform = /^dist\/(darwin|win32|linux-arm64)/;

/**
 * Names of the packages that travel, sorted.
 * @param packages of package-lock.json: records by "node_modules/NAME"
 */
export function packageNames(packages) {
  const names = new Set();
  const add = (name) => {
    const record = packages[`node_modules/${name}`];
    if (!record || names.has(name) || unused.test(name)) return;
    names.add(name);
    for (const needed of Object.keys(record.dependencies ?? {})) add(needed);
  };
  for (const name of [...packageRoots, ...natives]) add(name);
  return [...names].sort();
}

/** Whether a file of a package travels. @param path within the package, with forward slashes */
export const isPackedOfPackage = (path) =>
  !otherPlatform.test(path) && !/\.(map|md|d\.[cm]?ts)$/.test(path.replace(/LICENSE\.md$/, ""));

/** Whether a file of the project travels. @param path from the root, with forward slashes */
export const isPackedOfProject = (path) =>
  !path.endsWith(".map") &&
  !/^kernels-test\/(browser|host)\//.test(path) &&
  !Object.keys(leftOut).some((test) => path === `kernels-test/${test}`);

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/**
 * The table of sizes that packing prints.
 * @param parts `[name, bytes]` before compression
 * @throws Error if the archive is over the budget
 */
export function sizeTable(parts, archiveBytes) {
  const lines = parts.map(([name, bytes]) => `${mebibytes(bytes).padStart(10)}  ${name}`);
  const whole = `${mebibytes(archiveBytes).padStart(10)}  compressed, of ${mebibytes(budgetBytes)}`;
  const table = [...lines, whole].join("\n");
  if (archiveBytes > budgetBytes)
    throw new Error(
      `${table}\nThe archive is over its budget: leave something out in setup/gpuBundle.mjs.`,
    );
  return table;
}
