/** The files inside every profile page, inlined by the build. */

import chartScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import chartStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import pageStyle from "../report/page.css" with { type: "text" };
import type { ReportAssets } from "../report/report";
import pageScript from "./page.js" with { type: "text" };

export const profileAssets: ReportAssets = { chartScript, chartStyle, pageScript, pageStyle };
