/** A small network learns a sine wave in Node: `node examples/fit`. */
import { fit } from "./fit.js";

try {
  await fit(console.log);
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
