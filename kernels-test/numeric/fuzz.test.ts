/**
 * Wrong arguments: every call of the leak tests again, with other tensors and other values. Whatever they
 * are, an operation gives a result or throws one of our errors before anything reaches the device.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { DeviceError, TilegradError } from "../../src/errors";
import * as tg from "../../src/node";
import { callsByName, failuresOfTensors, failuresOfValues } from "../wrongArguments";

let device: tg.Device;
let elsewhere: tg.Device;

beforeAll(async () => {
  elsewhere = await tg.init({ makeCurrent: false });
  device = await tg.init();
});
afterAll(async () => {
  await device.destroy();
  await elsewhere.destroy();
});

/** Waits for the device: an index out of range, a singular matrix or a negative weight is an error of the data. */
async function settle(): Promise<void> {
  const probe = tg.tensor([1, 2]);
  await probe.data().catch((error: unknown) => {
    if (!(error instanceof TilegradError) || error instanceof DeviceError) throw error;
  });
  expect(await tg.scope(() => tg.add(probe, 1)).data()).toEqual(Float32Array.of(2, 3));
  probe.dispose();
}

/** Enough for each number of a call to be replaced by most of the values. */
const roundsOfValues = 24;
const roundsOfTensors = 12;

test.each([...callsByName.keys()])("%s takes or refuses any values", async (name) => {
  const failures = failuresOfValues(tg, name, roundsOfValues);
  await settle();
  expect(failures).toEqual([]);
});

test.each([...callsByName.keys()])("%s takes or refuses any tensors", async (name) => {
  const failures = failuresOfTensors(tg, elsewhere, name, roundsOfTensors);
  await settle();
  expect(failures).toEqual([]);
});
