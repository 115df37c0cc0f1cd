/**
 * Serves the files of one folder to this machine alone, as a static file host would, and no more of them: no lists
 * of folders, nothing through a link (esbuild's server gives both), and no answer to another host's name, which a
 * page from elsewhere could have pointed here (DNS rebinding).
 */
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";

const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

const isOwnHost = (host = "") => /^(localhost|127\.0\.0\.1)(:\d+)?$/i.test(host);

/** The names of which the path of an address is made, or null where it could leave the folder. */
function namesIn(address) {
  try {
    const names = address.split(/[?#]/)[0].split("/").slice(1).map(decodeURIComponent);
    if (!address.startsWith("/")) return null;
    const last = names.length - 1;
    const isName = (name, i) => !/^\.|[/\\:\0]/.test(name) && (name !== "" || i === last);
    return names.every(isName) ? names : null;
  } catch {
    return null;
  }
}

/** The file itself, or null: for what is missing, no file, or reached through a link. */
async function fileAt(folder, names) {
  try {
    const own = await realpath(folder);
    const wanted = path.join(own, ...names, names.at(-1) === "" ? "index.html" : "");
    const real = await realpath(wanted);
    const found = await stat(real);
    return real === path.normalize(wanted) && found.isFile() ? { real, bytes: found.size } : null;
  } catch {
    return null;
  }
}

async function answer(folder, request, response) {
  const end = (status, text, headers = {}) => {
    response.writeHead(status, { "content-type": types[".txt"], ...headers });
    response.end(request.method === "HEAD" ? "" : `${text}\n`);
  };
  if (!isOwnHost(request.headers.host)) return end(403, "This server answers to localhost alone.");
  if (!["GET", "HEAD"].includes(request.method))
    return end(405, "Only GET.", { allow: "GET, HEAD" });
  const names = namesIn(request.url);
  const file = names && (await fileAt(folder, names));
  if (!file) {
    const page = names && names.at(-1) !== "" && (await fileAt(folder, [...names, ""]));
    if (!page) return end(404, "There is no such page.");
    const location = `/${names.map(encodeURIComponent).join("/")}/`;
    return end(301, location, { location });
  }
  response.writeHead(200, {
    "content-type": types[path.extname(file.real)] ?? "application/octet-stream",
    "content-length": file.bytes,
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
  });
  if (request.method === "HEAD") return response.end();
  return createReadStream(file.real)
    .on("error", () => response.destroy())
    .pipe(response);
}

/**
 * @param folder need not be there yet
 * @param port 0 for any that is free
 * @throws Error for a port that is in use, or that this user may not have
 */
export async function serveFolder(folder, port) {
  const server = createServer((request, response) => answer(folder, request, response));
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  }).catch((error) => {
    const why = { EADDRINUSE: "is in use", EACCES: "may not be used without more rights" };
    throw new Error(
      `port ${port} ${why[error.code] ?? `cannot be used (${error.message})`}: ` +
        "choose another with --port, or end the program that has it.",
    );
  });
  return {
    port: server.address().port,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
