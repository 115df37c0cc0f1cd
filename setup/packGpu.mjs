// npm run pack:gpu: packs the bundle of docs/gpu-bundle.md into dist/.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBenches } from "../bench/build.mjs";
import { ensureBuilt } from "./build.mjs";
import {
  archiveName,
  isPackedOfPackage,
  isPackedOfProject,
  packageNames,
  projectPaths,
  sizeTable,
} from "./gpuBundle.mjs";
import { SetupError } from "./setupError.mjs";

const root = realpathSync(fileURLToPath(new URL("..", import.meta.url)));

const bytesOf = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
    : statSync(path).size;

/** Copies a file or folder, of a folder what `travels` says of paths relative to `base`. */
function copy(from, to, base, travels) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (path) => statSync(path).isDirectory() || travels(relative(base, path)),
  });
}

/** The Vulkan loader of this machine with its licence (Apache-2.0), for targets without one. */
function copyLoader(stage) {
  const loader = "/usr/lib/x86_64-linux-gnu/libvulkan.so.1";
  const licence = "/usr/share/doc/libvulkan1/copyright";
  if (!existsSync(loader) || !existsSync(licence)) {
    console.log(
      "pack: this machine has no Vulkan loader (apt: libvulkan1), so the target needs one",
    );
    return;
  }
  mkdirSync(join(stage, "lib"));
  copyFileSync(loader, join(stage, "lib", "libvulkan.so.1"));
  copyFileSync(licence, join(stage, "lib", "libvulkan.copyright"));
}

function copyNode(stage) {
  mkdirSync(join(stage, "bin"));
  const node = join(stage, "bin", "node");
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  const prefix = dirname(dirname(process.execPath));
  const licence = [join(prefix, "LICENSE"), "/usr/share/doc/nodejs/LICENSE"].find(existsSync);
  if (licence) copyFileSync(licence, join(stage, "bin", "node.LICENSE"));
}

function commit() {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=12"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return null;
  }
}

async function pack(stage) {
  const project = join(stage, "project");
  ensureBuilt(root);
  copyNode(stage);
  copyLoader(stage);
  for (const path of projectPaths)
    copy(join(root, path), join(project, path), root, isPackedOfProject);
  await buildBenches(["frame/main", "frame/ours", "peers/webgpu"], join(project, "dist", "bench"));
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  for (const name of packageNames(packages)) {
    const from = realpathSync(join(root, "node_modules", name));
    copy(from, join(project, "node_modules", name), from, isPackedOfPackage);
  }
  writeFileSync(join(project, "packed.json"), `${JSON.stringify({ commit: commit() })}\n`);
  copyFileSync(join(root, "setup", "gpuRun.sh"), join(stage, "run.sh"));
  chmodSync(join(stage, "run.sh"), 0o755);
  copyFileSync(join(root, "docs", "gpu-bundle.md"), join(stage, "README.md"));
}

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error(`pack: the bundle holds this machine's Node, so pack it on Linux x64.`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "tilegrad-pack-"));
const archive = join(root, "dist", archiveName);
try {
  const stage = join(folder, "tilegrad-gpu");
  mkdirSync(stage);
  await pack(stage);
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"];
  execFileSync("tar", [...owner, "-I", "gzip -9", "-cf", archive, "-C", folder, "tilegrad-gpu"]);
  const size = (path) => (existsSync(join(stage, path)) ? bytesOf(join(stage, path)) : 0);
  const [project, packages, dawn] = ["", "/node_modules", "/node_modules/webgpu"].map((path) =>
    size(`project${path}`),
  );
  const parts = [
    ["Node", size("bin")],
    ["Dawn", dawn],
    ["Vulkan loader", size("lib")],
    ["other packages", packages - dawn],
    ["the project", project - packages],
  ];
  console.log(sizeTable(parts, statSync(archive).size));
  console.log(`packed ${relative(root, archive)}`);
} catch (error) {
  rmSync(archive, { force: true });
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
