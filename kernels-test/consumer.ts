/** A project of somebody else's: empty but for the packed package, installed as npm does it. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Consumer extends AsyncDisposable {
  readonly folder: string;
  /** Paths of the package's files, relative to its root. */
  readonly packed: readonly string[];
  /** Where the installed package is. */
  readonly installed: string;
  write(name: string, text: string): Promise<void>;
  /** Runs a program in the folder; `node` is this Node. */
  run(program: string, args: readonly string[]): Promise<Ended>;
  /** Makes a package of the repository's own `node_modules` available, as if it had been installed too. */
  link(name: string): Promise<void>;
}

function run(folder: string, program: string, args: readonly string[]): Promise<Ended> {
  const file = program === "node" ? process.execPath : program;
  return new Promise((resolve) => {
    execFile(file, [...args], { cwd: folder, maxBuffer: 1 << 26 }, (error, out, err) => {
      const code = error ? (typeof error.code === "number" ? error.code : -1) : 0;
      resolve({ code, out, err });
    });
  });
}

async function npm(folder: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(folder, "npm", args);
  if (code !== 0) throw new Error(`npm ${args.join(" ")} ended with ${code}: ${err}`);
  return out;
}

/** Packs what is in dist/ (`node build.mjs` writes it) and installs it, without a network. */
export async function installPackage(): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), "tilegrad-consumer-"));
  const report = await npm(
    root,
    ...["pack", "--json", "--ignore-scripts", "--pack-destination", folder],
  );
  const [{ filename, files }] = JSON.parse(report) as [
    { filename: string; files: readonly { path: string }[] },
  ];
  const consumer: Consumer = {
    folder,
    packed: files.map(({ path }) => path),
    installed: join(folder, "node_modules/tilegrad"),
    write: (name, text) => writeFile(join(folder, name), text),
    run: (program, args) => run(folder, program, args),
    async link(name) {
      const target = join(folder, "node_modules", name);
      await mkdir(dirname(target), { recursive: true });
      await symlink(join(root, "node_modules", name), target, "junction");
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
  await consumer.write(
    "package.json",
    '{ "name": "consumer", "private": true, "type": "module" }\n',
  );
  await npm(
    folder,
    ..."install --offline --no-audit --no-fund --ignore-scripts".split(" "),
    filename,
  );
  return consumer;
}
