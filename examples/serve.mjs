/**
 * npm run examples: bundles the examples and serves them, on this machine alone.
 *
 *   npm run examples -- --port 8123
 */
import { parseArgs } from "node:util";
import { buildExamples, target } from "./build.mjs";
import { serveFolder } from "./server.mjs";

const usage = "use npm run examples, or npm run examples -- --port 8123";

function chosenPort() {
  let text;
  try {
    text = parseArgs({ options: { port: { type: "string", default: "8000" } } }).values.port;
  } catch (error) {
    throw new Error(`${error.message.split(".")[0]}: ${usage}.`);
  }
  const port = Number(text);
  if (!(/^\d+$/.test(text) && port > 0 && port < 65536))
    throw new Error(`--port ${text} is no port: ${usage}.`);
  return port;
}

let server = null;
try {
  server = await serveFolder(target, chosenPort());
  await buildExamples();
  console.log(`http://localhost:${server.port}/`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
  await server?.close();
}
