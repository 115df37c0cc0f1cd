/** Bytes kept in the user's cache folder. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ByteCache } from "./platform";

/** Where this system keeps what a program can make again. */
export function cacheFolder(
  platform: string = process.platform,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const named = env["XDG_CACHE_HOME"];
  if (named) return join(named, "tilegrad");
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "tilegrad");
  if (platform === "win32")
    return join(env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"), "tilegrad", "Cache");
  return join(homedir(), ".cache", "tilegrad");
}

export function openNodeCache(folder = cacheFolder()): ByteCache {
  return {
    get: (key) => readFile(join(folder, key)).catch(() => null),
    async put(key, bytes) {
      const temporary = join(folder, `.${key}.${randomBytes(6).toString("hex")}`);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(temporary, bytes);
        // Another process sees the old file or the new one, never a part.
        await rename(temporary, join(folder, key));
      } catch {
        // A full or read-only disk: the bytes will be made again.
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    },
  };
}
