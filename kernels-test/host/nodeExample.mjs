/** Examples in Node as a reader runs them: `node examples/<name>`, on the built library. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A function that runs the example with arguments, on the CPU executor, and resolves to how it ended. */
export const nodeExample = (name) => {
  const folder = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const env = { ...process.env, TILEGRAD_ADAPTER: "cpu" };
  return (...args) =>
    new Promise((resolve) => {
      execFile(process.execPath, [folder, ...args], { env }, (error, out, err) =>
        resolve({ code: error ? error.code : 0, out, err }),
      );
    });
};
