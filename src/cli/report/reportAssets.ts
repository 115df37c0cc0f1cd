/** The files inside every report, inlined by the build. */

import chartScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import chartStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import pageStyle from "./page.css" with { type: "text" };
import pageScript from "./page.js" with { type: "text" };
import type { ReportAssets } from "./report";

export const reportAssets: ReportAssets = { chartScript, chartStyle, pageScript, pageStyle };
