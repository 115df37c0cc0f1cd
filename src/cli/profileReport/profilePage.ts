/**
 * `profile.html`: one profile on one page that needs nothing else. It opens with the figures, then when each
 * kernel ran, how far it is below the roofline, the table of kernels, and how all that was measured.
 */

import type { ProfileData, ProfiledDispatch } from "../../profile/result";
import type { KernelStatistics } from "../../profile/statistics";
import { howTimed } from "../../profile/table";
import { Html, html, scriptJson } from "../report/html";
import type { ReportAssets } from "../report/report";
import * as wording from "../wording";

/** What was profiled. */
export interface ProfileSubject {
  version: string;
  /** The command: `train gpt --text a.txt`. */
  command: string;
  /** What one run is: a training step. */
  unit: string;
}

/** Lanes of the timeline; kernels with less time share the last one. */
const MOST_LANES = 16;

/** Bars of the timeline; beyond, the shortest are left out. */
const MOST_BARS = 20_000;

/** The page, as the bytes of an HTML file in UTF-8 would say it. */
export function renderProfile(
  data: ProfileData,
  { version, command, unit }: ProfileSubject,
  assets: ReportAssets,
): string {
  const hasRoofline = rooflinePoints(data).length > 0;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<meta name="generator" content="tilegrad ${version}">
<title>Profile of ${command} – tilegrad</title>
<style>${new Html(assets.chartStyle)}
${new Html(assets.pageStyle)}</style>
</head>
<body>
<div class="page">
<header>
<p class="origin"><span>tilegrad profile</span></p>
<h1>${command}</h1>
<p class="about">One ${unit} on ${wording.adapterName(data.adapter)}</p>
</header>
<main>
${figures(data, unit)}
${timelineSection(data)}
${hasRoofline ? rooflineSection(data) : NOTHING}
${kernelSection(data)}
${methodSection(data)}
</main>
<footer>Made by tilegrad ${version}. This page holds all it shows and loads nothing.</footer>
</div>
<script type="application/json" id="chart-data">${scriptJson(chartData(data))}</script>
<script>${new Html(assets.chartScript)}</script>
<script>${new Html(assets.pageScript)}</script>
</body>
</html>
`.text;
}

const NOTHING = new Html("");

function figures(data: ProfileData, unit: string): Html {
  const { host, device, memory } = data;
  const peak = memory.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const busy = (100 * device.busyMilliseconds) / host.timedWallMilliseconds;
  const items = [
    figure(`One ${unit}`, time(host.wallMilliseconds), "without timing, until the device is done"),
    figure("In kernels", `${busy.toFixed(0)} %`, `${time(device.busyMilliseconds)} of a timed run`),
    figure(
      "Host",
      time(host.encodeMilliseconds),
      `to record ${wording.count(host.dispatches)} dispatches in ${wording.counted(host.submits, "submit")}`,
    ),
    figure("Device memory at most", wording.bytes(peak), "of buffers in use"),
  ];
  if (host.compileMilliseconds !== null && host.programsCompiled > 0)
    items.push(
      figure(
        "Compiling",
        time(host.compileMilliseconds),
        `more for the first run, with ${wording.counted(host.programsCompiled, "program")}`,
      ),
    );
  return html`<dl class="figures">${items}</dl>`;
}

const figure = (name: string, value: string, note: string): Html =>
  html`<div><dt>${name}</dt><dd class="value">${value}</dd><dd class="note">${note}</dd></div>
`;

function timelineSection({ device, dispatches }: ProfileData): Html {
  const gaps =
    device.idleMilliseconds === null
      ? "Each was submitted alone, so that the gaps are those of measuring."
      : `Between them the device was idle for ${time(device.idleMilliseconds)}.`;
  return html`<section class="card" aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
<p>${wording.counted(dispatches.length, "dispatch", "dispatches")} of the last timed run. ${gaps}</p>
<figure role="img" aria-label="Dispatches by time"><div class="chart" id="timeline-chart"></div></figure>
<p id="timeline-note">Point at a bar for its numbers; drag to zoom, double-click to see all again.</p>
<h3 class="chart-title">Buffers in use</h3>
<figure class="second" role="img" aria-label="Bytes of buffers in use by time"><div class="chart" id="memory-chart"></div></figure>
<noscript><p>The charts need JavaScript; the table below has the sums.</p></noscript>
</section>`;
}

function rooflineSection({ roofline }: ProfileData): Html {
  const copies = digits(roofline!.gigabytesPerSecond);
  const arithmetic = digits(roofline!.gigaflopsPerSecond);
  return html`<section class="card" aria-labelledby="roofline">
<h2 id="roofline">Roofline</h2>
<p>This adapter was measured to copy ${copies} GB/s and to do ${arithmetic} GFLOP/s of multiply-adds in registers. A kernel below the slope waits for memory, one below the flat part for arithmetic; one above the slope finds its operands in a cache. Areas are shares of the time.</p>
<figure role="img" aria-label="Speed of kernels against operations per byte"><div class="chart" id="roofline-chart"></div></figure>
<p id="roofline-note">Point at a kernel for its numbers.</p>
</section>`;
}

function kernelSection(data: ProfileData): Html {
  const { kernels } = data;
  const total = kernels.reduce((sum, { totalMilliseconds }) => sum + totalMilliseconds, 0);
  const longest = kernels[0]?.totalMilliseconds || 1;
  const heads = ["Calls", "Median", "GB/s", "of copies", "GFLOP/s", "of peak"];
  const rows = kernels.map((kernel) => {
    const { totalMilliseconds: own } = kernel;
    const part = total > 0 ? (100 * own) / total : 0;
    const rates = kernel.belowResolution
      ? html`<td class="number" colspan="4">below resolution</td>`
      : html`${[
          cell(kernel.gigabytesPerSecond, digits),
          cell(kernel.bandwidthFraction, percent),
          cell(kernel.gigaflopsPerSecond, digits),
          cell(kernel.peakFraction, percent),
        ]}`;
    return html`<tr><th scope="row"><code>${kernel.name}</code></th><td class="number">${own.toFixed(3)}</td><td class="share"><span style="--part:${(own / longest).toFixed(4)}">${part.toFixed(1)} %</span></td>${cell(kernel.calls, wording.count)}${cell(kernel.medianMicroseconds, (us) => `${digits(us)} us`)}${rates}</tr>
`;
  });
  return html`<section class="card" aria-labelledby="kernels">
<h2 id="kernels">Kernels</h2>
<div class="scroll hidden-caption" role="region" aria-label="Kernels" tabindex="0"><table>
<caption>Time, bytes and operations of each kernel in one run, the longest first</caption>
<thead><tr><th scope="col">Kernel</th><th scope="col" class="number">Milliseconds</th><th scope="col" class="share">Share</th>${heads.map((head) => html`<th scope="col" class="number">${head}</th>`)}</tr></thead>
<tbody>${rows}</tbody>
<tfoot><tr><th scope="row">All</th><td class="number">${total.toFixed(3)}</td><td></td>${cell(
    kernels.reduce((sum, { calls }) => sum + calls, 0),
    wording.count,
  )}<td colspan="5"></td></tr></tfoot>
</table></div>
</section>`;
}

const cell = (value: number | null, format: (value: number) => string): Html =>
  html`<td class="number">${value === null ? "" : format(value)}</td>`;

function methodSection(data: ProfileData): Html {
  const { adapter, executor, host } = data;
  const rows: [string, string][] = [
    ["Kernels", howTimed(data)],
    ["Timed run", `${time(host.timedWallMilliseconds)} in all; timing itself costs something`],
    ["Adapter", wording.adapterName(adapter)],
    ["Executor", executor === "cpu" ? "CPU, through WebAssembly" : "WebGPU"],
  ];
  return html`<section class="card" aria-labelledby="method">
<h2 id="method">How it was measured</h2>
<div class="scroll hidden-caption"><table><caption>How the profile was measured</caption>
<thead><tr><th scope="col">What</th><th scope="col">How</th></tr></thead>
<tbody>${rows.map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>
`,
  )}</tbody></table></div>
</section>`;
}

interface Bar {
  lane: number;
  name: string;
  start: number;
  milliseconds: number;
  text: string;
}

interface RooflinePoint {
  name: string;
  /** Operations per byte. */
  x: number;
  /** GFLOP/s. */
  y: number;
  /** Of the time of all kernels. */
  share: number;
  text: string;
}

function chartData(data: ProfileData) {
  const { kernels, host, memory, roofline } = data;
  const named = kernels.slice(0, kernels.length > MOST_LANES ? MOST_LANES - 1 : MOST_LANES);
  const others = kernels.length > named.length ? [`${kernels.length - named.length} others`] : [];
  const lanes = ["host", ...named.map(({ name }) => name), ...others];
  const laneOf = new Map(named.map(({ name }, i) => [name, i + 1]));
  const wall = host.timedWallMilliseconds;
  const encode = Math.min(host.timedEncodeMilliseconds, wall);
  const phases: Bar[] = [
    { name: "record", start: 0, milliseconds: encode },
    { name: "wait for the device", start: encode, milliseconds: wall - encode },
  ].map((phase) => ({
    lane: 0,
    ...phase,
    text: `host: ${phase.name}, ${time(phase.milliseconds)}`,
  }));
  const longest = [...data.dispatches]
    .sort((a, b) => b.milliseconds - a.milliseconds)
    .slice(0, MOST_BARS);
  const bars = longest.map(
    (dispatch): Bar => ({
      lane: laneOf.get(dispatch.kernel) ?? lanes.length - 1,
      name: dispatch.kernel,
      start: dispatch.startMilliseconds,
      milliseconds: dispatch.milliseconds,
      text: dispatchText(dispatch),
    }),
  );
  const end = Math.max(wall, ...longest.map((d) => d.startMilliseconds + d.milliseconds));
  const points = [...memory, { milliseconds: end, bytes: memory.at(-1)?.bytes ?? 0 }];
  return {
    timeline: { lanes, bars: [...phases, ...bars], end },
    memory: [
      points.map(({ milliseconds }) => milliseconds),
      points.map(({ bytes }) => bytes / 2 ** 20),
    ],
    roofline: roofline && {
      bandwidth: roofline.gigabytesPerSecond,
      peak: roofline.gigaflopsPerSecond,
      points: rooflinePoints(data),
    },
  };
}

function dispatchText({ kernel, milliseconds, bytes, flops, grid }: ProfiledDispatch): string {
  const parts = [`${kernel}: ${time(milliseconds)}`, `${grid.join(" x ")} workgroups`];
  parts.push(wording.bytes(bytes));
  if (milliseconds > 0) parts.push(`${digits(bytes / milliseconds / 1e6)} GB/s`);
  if (flops !== null && milliseconds > 0)
    parts.push(`${digits(flops / milliseconds / 1e6)} GFLOP/s`);
  return parts.join(", ");
}

/** Kernels of which both are known, those with the most time first. */
function rooflinePoints({ kernels, roofline }: ProfileData): RooflinePoint[] {
  if (!roofline) return [];
  const total = kernels.reduce((sum, { totalMilliseconds }) => sum + totalMilliseconds, 0);
  return kernels.flatMap((kernel: KernelStatistics) => {
    const { name, bytes, flops, gigaflopsPerSecond: speed, totalMilliseconds } = kernel;
    if (!flops || !speed || bytes === 0) return [];
    const share = totalMilliseconds / total;
    const roof = Math.min(
      (flops / bytes) * roofline.gigabytesPerSecond,
      roofline.gigaflopsPerSecond,
    );
    const text =
      `${name}: ${digits(speed)} GFLOP/s at ${digits(flops / bytes)} operations per byte, ` +
      `${percent(speed / roof)} of the roof, ${percent(share)} of the time`;
    return [{ name, x: flops / bytes, y: speed, share, text }];
  });
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(0)} %`;
const time = (milliseconds: number): string =>
  milliseconds < 1000 ? `${digits(milliseconds)} ms` : wording.duration(milliseconds / 1000);

/** Three digits or so. */
function digits(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 || value === 0 ? 2 : 4);
}
