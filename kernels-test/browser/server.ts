/** Serves a few in-memory files to a page; localhost is a secure context, which WebGPU requires. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Server extends AsyncDisposable {
  /** As in "http://localhost:41234/". */
  readonly url: string;
}

const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** `files` by their path without the leading slash; "/" answers with `index.html`. `headers` go with all. */
export async function serve(
  files: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").slice(1) || "index.html";
    const text = files[path];
    response.writeHead(text === undefined ? 404 : 200, {
      ...headers,
      "content-type": types[path.split(".").pop() ?? ""] ?? "application/octet-stream",
    });
    response.end(text);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
