import { expect, test } from "vitest";
import { create, globals } from "webgpu";
import { driverOf } from "../../setup/drivers.mjs";

test("the adapter is the one TILEGRAD_ADAPTER names", async () => {
  Object.assign(globalThis, globals);
  const adapter = await create([]).requestAdapter({ powerPreference: "high-performance" });
  expect(adapter).not.toBeNull();
  const driver = driverOf(adapter!.info);
  expect(driver).toBe(process.env["TILEGRAD_ADAPTER"] || driver);
});
