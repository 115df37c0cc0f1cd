/** The samples of every primitive, by name. */
import { attentionSamples } from "./attention";
import { convolutionSampleTable } from "./convolution";
import { indexingSamples } from "./indexing";
import { normSamples } from "./norm";
import { pointwiseSamples } from "./pointwise";
import { productSamples } from "./products";
import { randomSamples } from "./random";
import { reduceSamples } from "./reduce";
import { rowSamples } from "./rows";
import type { SampleTable } from "./sample";
import { scanSamples } from "./scan";
import { shapeSamples } from "./shape";

export const samples: SampleTable = {
  ...attentionSamples,
  ...convolutionSampleTable,
  ...indexingSamples,
  ...normSamples,
  ...pointwiseSamples,
  ...productSamples,
  ...randomSamples,
  ...reduceSamples,
  ...rowSamples,
  ...scanSamples,
  ...shapeSamples,
};
