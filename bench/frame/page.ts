/**
 * The page of results: one HTML file that loads nothing. For each suite a plot of its cases (median, and the
 * spread as a line) and a table of its rows; curves are drawn against their size.
 */
import { Html, html, scriptJson } from "../../src/cli/report/html";
import type { ReportAssets } from "../../src/cli/report/report";
import type { Row } from "./row";

/** Where and with what the rows were taken. */
export interface Environment {
  /** Our engine's adapter, in its words: with the driver's name and version where it has one. */
  readonly adapter: string;
  /** What was asked for: cpu, lavapipe, … */
  readonly driver: string;
  readonly processor: string;
  /** ISO 8601. */
  readonly started: string;
  readonly quick: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

/** Medians with their spread, by engine, over common x. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  /** Names of cases; null: x are numbers. */
  readonly labels: readonly string[] | null;
  readonly x: readonly number[];
  readonly series: readonly {
    readonly label: string;
    readonly median: readonly (number | null)[];
    readonly min: readonly (number | null)[];
    readonly max: readonly (number | null)[];
  }[];
}

const unique = <T>(list: readonly T[]): T[] => [...new Set(list)];

function plotOf(title: string, rows: readonly Row[], sizes: boolean): Plot {
  const measured = rows.filter(({ median }) => median !== null);
  const cases = unique(measured.map((row) => row.case));
  const engines = unique(measured.map(({ engine }) => engine));
  const at = (engine: string, key: "median" | "min" | "max") =>
    cases.map(
      (name) => measured.find((row) => row.case === name && row.engine === engine)?.[key] ?? null,
    );
  return {
    title,
    unit: measured[0]?.unit ?? "",
    labels: sizes ? null : cases,
    x: sizes ? cases.map((name) => Number(name.split(": ").at(-1))) : cases.map((_, i) => i),
    series: engines.map((engine) => ({
      label: engine,
      median: at(engine, "median"),
      min: at(engine, "min"),
      max: at(engine, "max"),
    })),
  };
}

/** The plots of a suite: one for each unit, and for each curve. */
export function plotsOf(rows: readonly Row[]): Plot[] {
  const drawn = rows.filter(({ unit, median }) => unit !== "R²" && median !== null);
  const curve = (row: Row): string | null => /^(.*): \d+$/.exec(row.case)?.[1] ?? null;
  const curves = unique(drawn.map(curve)).filter((name) => name !== null);
  const rest = drawn.filter((row) => curve(row) === null);
  return [
    ...curves.map((name) =>
      plotOf(
        name,
        drawn.filter((row) => curve(row) === name),
        true,
      ),
    ),
    ...unique(rest.map(({ unit }) => unit)).map((unit) =>
      plotOf(
        unit,
        rest.filter((row) => row.unit === unit),
        false,
      ),
    ),
  ].filter(({ x }) => x.length > 1);
}

const number = (value: number | null): string => {
  if (value === null) return "–";
  return value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
};

function tableOf(rows: readonly Row[]): Html {
  const lines = rows.map((row) => {
    const note = [
      row.dispatches === undefined ? "" : `${row.dispatches} dispatches, ${row.submits} submits`,
      row.note ?? "",
    ];
    return html`<tr><th scope="row">${row.case}</th><td>${row.engine}</td><td>${row.executor}</td>
<td class="number">${number(row.median)}</td><td>${row.median === null ? "" : row.unit}</td>
<td class="number">${row.samples > 1 ? `${number(row.min)} – ${number(row.max)}` : ""}</td>
<td class="number">${row.samples}</td><td class="number">${row.ratio === null ? "" : row.ratio.toFixed(2)}</td>
<td>${note.filter((text) => text !== "").join("; ")}</td></tr>
`;
  });
  return html`<div class="scroll"><table>
<thead><tr><th>case</th><th>engine</th><th>executor</th><th class="number">median</th><th></th><th class="number">min – max</th><th class="number">samples</th><th class="number">ratio</th><th></th></tr></thead>
<tbody>${lines}</tbody></table></div>`;
}

/** @param assets those of the training report, with the script that draws plots for its page's */
export function renderPage(
  environment: Environment,
  rows: readonly Row[],
  assets: ReportAssets,
): string {
  const { adapter, driver, processor, started, quick, versions } = environment;
  const charts: Plot[] = [];
  const sections = unique(rows.map(({ suite }) => suite)).map((suite) => {
    const own = rows.filter((row) => row.suite === suite);
    const figures = plotsOf(own).map((plot) => {
      const id = `plot-${charts.push(plot) - 1}`;
      return html`<p class="chart-title">${plot.title}</p><figure><div class="chart" id="${id}"></div></figure>
`;
    });
    return html`<section class="card"><h2>${suite}</h2>${figures}${tableOf(own)}</section>
`;
  });
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${adapter || driver} – tilegrad benches</title>
<style>${new Html(assets.chartStyle)}
${new Html(assets.pageStyle)}</style>
</head>
<body>
<div class="page">
<header>
<p class="origin"><span>tilegrad benches</span></p>
<h1>${adapter || driver}</h1>
<p class="about">${processor}; driver ${driver}; ${new Date(started).toUTCString()}${quick ? "; a quick run: few samples" : ""}</p>
<p class="about">${named.join(", ")}</p>
</header>
<main>
<p class="about">A ratio is an engine's median by ours in the same run: above 1, ours is better. The control is ours
measured once more in the same turns; its ratio shows the noise. Lines in the plots are the spread, from the least to the greatest.</p>
${sections}
</main>
</div>
<script>${new Html(assets.chartScript)}</script>
<script type="application/json" id="plots">${scriptJson(charts)}</script>
<script>${new Html(assets.pageScript)}</script>
</body>
</html>
`.text;
}
