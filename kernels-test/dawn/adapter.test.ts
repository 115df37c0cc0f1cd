import { expect, test } from "vitest";
import { driverOf } from "../../setup/drivers.mjs";
import { init } from "../../src/node";

test("the adapter is the one TILEGRAD_ADAPTER names", async () => {
  const { executor } = await init();
  expect(executor.kind).toBe("webgpu");
  expect(driverOf(executor.adapter)).toBe(process.env["TILEGRAD_ADAPTER"]);
});
