/**
 * Draws the report's charts in the reader's browser. The numbers are the JSON in the page, the colours the
 * style sheet's, so that both colour schemes and a change between them just work.
 */

/* global uPlot */

const charts = JSON.parse(document.getElementById("chart-data").textContent);
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const rootStyle = getComputedStyle(document.documentElement);
const color = (name) => rootStyle.getPropertyValue(`--${name}`).trim();
const FONT = "12px system-ui, sans-serif";

/** Validation has few points: a reading beside one shows the nearest instead of nothing. */
function nearestKnown(plot, series, index) {
  const values = plot.data[series];
  for (let distance = 0; distance < values.length; distance++) {
    if (values[index - distance] != null) return index - distance;
    if (values[index + distance] != null) return index + distance;
  }
  return index;
}

function axis(extra) {
  const line = { stroke: color("grid"), width: 1 };
  return { stroke: color("soft"), font: FONT, grid: line, ticks: { ...line, size: 4 }, ...extra };
}

/** What the legend says of a series: its value under the cursor, or its last one. */
function reading(format) {
  return (plot, value, series, index) => {
    const shown = index == null ? plot.data[series].findLast((known) => known != null) : value;
    return shown == null ? "–" : format(shown);
  };
}

function draw(id, chart) {
  const place = document.getElementById(id);
  const format = chart.exponent ? (value) => value.toExponential(2) : (value) => value.toFixed(4);
  const series = chart.series.map(({ label, color: name, width, dash, points }) => ({
    label,
    stroke: color(name),
    width,
    dash,
    spanGaps: true,
    points: { show: points, size: 6, fill: color(name) },
    value: reading(format),
  }));
  const tick = (value) => (value === 0 ? "0" : value.toExponential(0));
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: chart.height,
      // The last label of the x axis is centred on the plot's right end.
      padding: [8, 24, 0, 0],
      scales: {
        x: { time: false },
        y: chart.fromZero ? { range: (_, __, most) => [0, most * 1.1 || 1] } : {},
      },
      series: [
        { label: "step", value: reading((step) => step.toLocaleString("en-US")) },
        ...series,
      ],
      axes: [
        axis({ size: 32 }),
        axis({ size: 54, values: chart.exponent ? (_, ticks) => ticks.map(tick) : undefined }),
      ],
      legend: { markers: { width: 1 } },
      cursor: {
        dataIdx: nearestKnown,
        sync: { key: "steps" },
        focus: { prox: 24 },
        drag: { x: true, y: false },
      },
      focus: { alpha: 0.5 },
    },
    chart.data,
    place,
  );
  return { plot, place };
}

let drawn = [];

function drawAll() {
  for (const { plot } of drawn) plot.destroy();
  drawn = Object.entries(charts).map(([id, chart]) => draw(id, chart));
}

drawAll();
darkScheme.addEventListener("change", drawAll);
new ResizeObserver(() => {
  for (const { plot, place } of drawn)
    plot.setSize({ width: place.clientWidth, height: plot.height });
}).observe(document.querySelector(".page"));
