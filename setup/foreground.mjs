// Runs a program as if it had been started in this one's place.

import { spawn } from "node:child_process";
import { constants } from "node:os";

/**
 * Runs `node ...args` to its end and resolves to its exit code (128 + n where signal n ended it).
 *
 * One Ctrl-C reaches the program once. A terminal sends it to every process of the group, and npm
 * sends it again to its child; so the program gets a group of its own, and this process passes on
 * what it receives, taking signals of one kind within a quarter of a second for one. On Windows the
 * console alone delivers Ctrl-C, to all, and nothing is passed on.
 */
export function runInForeground(args, options) {
  const ownGroup = process.platform !== "win32";
  const child = spawn(process.execPath, args, { ...options, stdio: "inherit", detached: ownGroup });

  const lastSent = new Map();
  const passOn = (signal) => {
    if (!ownGroup) return;
    const now = performance.now();
    if (now - (lastSent.get(signal) ?? -Infinity) > 250) child.kill(signal);
    lastSent.set(signal, now);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, passOn);
  // npm that is killed leaves its script behind, which would go on training for nobody.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    passOn("SIGTERM");
  }, 1000).unref();
  if (ownGroup) {
    process.on("SIGTSTP", () => {
      child.kill("SIGSTOP");
      process.kill(process.pid, "SIGSTOP");
    });
    process.on("SIGCONT", () => child.kill("SIGCONT"));
  }

  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
