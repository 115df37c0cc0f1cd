/** The samples of every primitive, by name. */
import { pointwiseSamples } from "./pointwise";
import { reduceSamples } from "./reduce";
import type { SampleTable } from "./sample";
import { shapeSamples } from "./shape";

export const samples: SampleTable = {
  ...pointwiseSamples,
  ...reduceSamples,
  ...shapeSamples,
};
