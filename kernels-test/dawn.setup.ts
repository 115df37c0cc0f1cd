/** Runs for each test file: nothing that it made on a driver is left when the next one begins, or the process ends. */
import { afterAll } from "vitest";
import { destroyDevices } from "./dawnPatches";

afterAll(destroyDevices);
