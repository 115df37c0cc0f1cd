/** Closes the browser after a file's last test, so that its process can end. */
import { afterAll } from "vitest";
import { closeBrowser } from "./browser/chromium";

afterAll(closeBrowser);
