/** The samples of every primitive, by name. */
import { indexingSamples } from "./indexing";
import { pointwiseSamples } from "./pointwise";
import { productSamples } from "./products";
import { randomSamples } from "./random";
import { reduceSamples } from "./reduce";
import { rowSamples } from "./rows";
import type { SampleTable } from "./sample";
import { shapeSamples } from "./shape";

export const samples: SampleTable = {
  ...indexingSamples,
  ...pointwiseSamples,
  ...productSamples,
  ...randomSamples,
  ...reduceSamples,
  ...rowSamples,
  ...shapeSamples,
};
