/** A small network learns a sine wave in a page: what it prints goes into the log. */
import { fit } from "./fit.js";

const log = document.getElementById("log");
await fit((line) => log.append(`${line}\n`));
