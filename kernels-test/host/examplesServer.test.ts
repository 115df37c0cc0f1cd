/** What serves the examples: its own folder, on loopback, and nothing else. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FolderServer, serveFolder } from "../../examples/server.mjs";

let outside = "";
let server: FolderServer;

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), "tilegrad-server-"));
  const folder = join(outside, "served");
  await mkdir(join(folder, "fit"), { recursive: true });
  await mkdir(join(folder, "chunks"));
  await mkdir(join(outside, "served-too"));
  await writeFile(join(outside, "secret.txt"), "secret");
  await writeFile(join(outside, "served-too", "secret.txt"), "secret");
  await writeFile(join(folder, "index.html"), "<!doctype html>gallery");
  await writeFile(join(folder, "fit", "index.html"), "<!doctype html>fit");
  await writeFile(join(folder, "fit", "page 1.js"), "export {};");
  await writeFile(join(folder, "chunks", "a.bin"), "bytes");
  await writeFile(join(folder, ".env"), "secret");
  await symlink(join(outside, "secret.txt"), join(folder, "link.txt"));
  await symlink(outside, join(folder, "up"));
  server = await serveFolder(folder, 0);
});
afterAll(async () => {
  await server?.close();
  await rm(outside, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Sends `path` as it stands: `fetch` would resolve its dots. */
const ask = (path: string, options: { method?: string; headers?: Record<string, string> } = {}) =>
  new Promise<Answer>((resolve, reject) => {
    request({ host: "127.0.0.1", port: server.port, path, ...options }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode!, body, headers: response.headers }),
      );
    })
      .on("error", reject)
      .end();
  });

describe("within the folder", () => {
  test("files are given with their types, a folder's index.html in the folder's place", async () => {
    expect(await ask("/")).toMatchObject({ status: 200, body: "<!doctype html>gallery" });
    expect(await ask("/fit/?x=1#top")).toMatchObject({ status: 200, body: "<!doctype html>fit" });
    const script = await ask("/fit/page%201.js");
    expect(script).toMatchObject({ status: 200, body: "export {};" });
    expect(script.headers).toMatchObject({
      "content-type": "text/javascript; charset=utf-8",
      "x-content-type-options": "nosniff",
    });
    expect(await ask("/", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
  });

  test("a folder's name without its slash leads to the folder, never to another host", async () => {
    const { status, headers } = await ask("/fit");
    expect([status, headers["location"]]).toEqual([301, "/fit/"]);
    for (const path of ["//evil.example", "//evil.example/fit", "/%2f%2fevil.example"])
      expect((await ask(path)).status, path).toBe(404);
  });

  test("folders are not listed", async () => {
    for (const path of ["/chunks/", "/chunks", "/chunks/."]) {
      const { status, body } = await ask(path);
      expect([status, body], path).toEqual([404, "There is no such page.\n"]);
    }
  });

  test("it only reads", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
      expect(await ask("/", { method }), method).toMatchObject({ status: 405 });
  });
});

describe("out of the folder", () => {
  test.each([
    "/../secret.txt",
    "/fit/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..\\secret.txt",
    "/..%5csecret.txt",
    "/%5c..%5csecret.txt",
    "/../served-too/secret.txt",
    "/..;/secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%00/../secret.txt",
    "/index.html%00.txt",
    "/%",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/file:///etc/passwd",
    "/C:/Windows/win.ini",
    "http://127.0.0.1/../secret.txt",
    "file:///etc/passwd",
    "*",
    "/link.txt",
    "/up/secret.txt",
    "/up/served/index.html",
    "/.env",
    "/%2eenv",
    "/fit/index.html/",
  ])("%s is not there", async (path) => {
    const { status, body } = await ask(path);
    expect([status, body]).toEqual([404, "There is no such page.\n"]);
  });

  test("another host's name is refused, so that no page from elsewhere can read through it", async () => {
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0"])
      expect(await ask("/", { headers: { host } }), host).toMatchObject({ status: 403 });
    for (const host of ["localhost", `localhost:${server.port}`, "127.0.0.1:1"])
      expect(await ask("/", { headers: { host } }), host).toMatchObject({ status: 200 });
    expect((await ask("/")).headers).not.toHaveProperty("access-control-allow-origin");
  });
});

test("it listens on loopback alone: no other address of this machine connects", async () => {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80"));
  const connects = (host: string) =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host, port: server.port });
      const end = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket.on("connect", () => end(true)).on("error", () => end(false));
    });
  expect(await connects("127.0.0.1")).toBe(true);
  for (const { address } of addresses) expect(await connects(address), address).toBe(false);
});

describe("npm run examples", () => {
  const run = (...args: string[]) =>
    new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
      const program = fileURLToPath(new URL("../../examples/serve.mjs", import.meta.url));
      execFile(process.execPath, [program, ...args], (error, out, err) =>
        resolve({ code: error?.code ?? 0, out, err }),
      );
    });
  const usage = "use npm run examples, or npm run examples -- --port 8123.\n";

  test.each([
    [["--prot", "80"], `Unknown option '--prot': ${usage}`],
    [["8123"], `Unexpected argument '8123': ${usage}`],
    [["--port", "0"], `--port 0 is no port: ${usage}`],
    [["--port", "65536"], `--port 65536 is no port: ${usage}`],
    [["--port", "0x50"], `--port 0x50 is no port: ${usage}`],
    [["--port="], `--port  is no port: ${usage}`],
  ])("%j is answered in words", async (args, err) => {
    expect(await run(...args)).toEqual({ code: 2, out: "", err });
  });

  test("a port in use is answered in words, before anything is bundled", async () => {
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    const { port } = other.address() as { port: number };
    expect(await run("--port", `${port}`)).toEqual({
      code: 2,
      out: "",
      err: `port ${port} is in use: choose another with --port, or end the program that has it.\n`,
    });
    other.close();
  });
});
