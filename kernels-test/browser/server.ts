/** Serves a few in-memory files to a page; localhost is a secure context, which WebGPU requires. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Server extends AsyncDisposable {
  /** As in "http://localhost:41234/". */
  readonly url: string;
}

const types: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
};

/** `files` by their path without the leading slash; a folder answers with its `index.html`. `headers` go with all. */
export async function serve(
  files: Readonly<Record<string, string | Uint8Array>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = pathname.slice(1).replace(/(^|\/)$/, "$1index.html");
    const content = files[path];
    response.writeHead(content === undefined ? 404 : 200, {
      ...headers,
      "content-type": types[path.split(".").pop() ?? ""] ?? "application/octet-stream",
    });
    response.end(content);
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
