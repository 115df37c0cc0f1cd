// A Chromium for the browser tests; on Linux its SwiftShader is also a Vulkan driver for Dawn.

import { aptInstall, aptPrefix, distribution } from "./apt.mjs";
import { findChromium } from "./browsers.mjs";
import { SetupError } from "./setupError.mjs";

export function installChromium() {
  // Ubuntu's chromium package is a snap, which neither containers nor the tests can start.
  if (distribution().id !== "debian")
    throw new SetupError("Install Google Chrome (its .deb or .rpm): the tests need a Chromium.");
  console.log("set-up: installing chromium with apt");
  // Dawn reaches SwiftShader through the Vulkan loader, which Chromium does not depend on.
  aptInstall(["chromium", "libvulkan1"]);
}

export function ensureChromium() {
  if (!findChromium() && aptPrefix()) installChromium();
  const executable = findChromium();
  if (!executable)
    throw new SetupError("Install Chromium, Google Chrome or Microsoft Edge: the tests need one.");
  console.log(`browser: ${executable}`);
}
