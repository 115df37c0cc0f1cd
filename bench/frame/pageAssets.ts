/** The files inside the page of results, inlined by the build. */
import { reportAssets } from "../../src/cli/report/reportAssets";
import pageScript from "./plots.js" with { type: "text" };

export const pageAssets = { ...reportAssets, pageScript };
