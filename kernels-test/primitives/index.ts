/** The samples of every primitive, by name. */
import { attentionSamples } from "./attention";
import { convolutionSampleTable } from "./convolution";
import { elementwiseSamples } from "./elementwise";
import { fftSamples } from "./fft";
import { indexingSamples } from "./indexing";
import { interpolateSamples } from "./interpolate";
import { knoppSamples } from "./knopp";
import { linalgSamples } from "./linalg";
import { normSamples } from "./norm";
import { pointwiseSamples } from "./pointwise";
import { poolingSamples } from "./pooling";
import { productSamples } from "./products";
import { randomSamples } from "./random";
import { recurrentSamples } from "./recurrent";
import { reduceSamples } from "./reduce";
import { rowSamples } from "./rows";
import type { SampleTable } from "./sample";
import { scanSamples } from "./scan";
import { scatterSamples } from "./scatter";
import { shapeSamples } from "./shape";
import { spectraSamples } from "./spectra";
import { transportSamples } from "./transport";
import { transportLowRankSamples } from "./transportLowRank";
import { transportProblemSamples } from "./transportProblems";
import { transportSparseSamples } from "./transportSparse";
import { windowSamples } from "./windows";

export const samples: SampleTable = {
  ...attentionSamples,
  ...convolutionSampleTable,
  ...indexingSamples,
  ...knoppSamples,
  ...linalgSamples,
  ...normSamples,
  ...elementwiseSamples,
  ...pointwiseSamples,
  ...interpolateSamples,
  ...poolingSamples,
  ...productSamples,
  ...randomSamples,
  ...recurrentSamples,
  ...reduceSamples,
  ...rowSamples,
  ...scanSamples,
  ...scatterSamples,
  ...shapeSamples,
  ...fftSamples,
  ...transportSparseSamples,
  ...transportLowRankSamples,
  ...transportSamples,
  ...transportProblemSamples,
  ...windowSamples,
  ...spectraSamples,
};
