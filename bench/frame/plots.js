/** Draws the plots of the page of results in the reader's browser; the numbers are the JSON in the page. */

/* global uPlot */

const plots = JSON.parse(document.getElementById("plots").textContent);
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const rootStyle = getComputedStyle(document.documentElement);
const color = (name) => rootStyle.getPropertyValue(`--${name}`).trim();
const FONT = "12px system-ui, sans-serif";
const COLORS = ["training", "guessing", "validation", "rate", "bad", "warn"];

/** Engines that share an x stand side by side. */
const offset = (plot, i) => (plot.labels ? (i - (plot.series.length - 1) / 2) * 7 : 0);

/** From the least to the greatest sample. */
function drawSpread(plot) {
  return (u) => {
    u.ctx.save();
    u.ctx.lineWidth = devicePixelRatio * 1.5;
    for (const [i, series] of plot.series.entries()) {
      u.ctx.strokeStyle = color(COLORS[i % COLORS.length]);
      u.ctx.fillStyle = u.ctx.strokeStyle;
      for (const [at, x] of plot.x.entries()) {
        if (series.median[at] === null) continue;
        const px = u.valToPos(x, "x", true) + offset(plot, i) * devicePixelRatio;
        u.ctx.beginPath();
        u.ctx.moveTo(px, u.valToPos(series.min[at], "y", true));
        u.ctx.lineTo(px, u.valToPos(series.max[at], "y", true));
        u.ctx.stroke();
        u.ctx.beginPath();
        u.ctx.arc(
          px,
          u.valToPos(series.median[at], "y", true),
          3 * devicePixelRatio,
          0,
          2 * Math.PI,
        );
        u.ctx.fill();
      }
    }
    u.ctx.restore();
  };
}

function draw(id, plot) {
  const place = document.getElementById(id);
  const line = { stroke: color("grid"), width: 1 };
  const axis = { stroke: color("soft"), font: FONT, grid: line, ticks: { ...line, size: 4 } };
  const shown = plot.series.flatMap(({ min, max }) => [...min, ...max]).filter((v) => v !== null);
  const few = (value) =>
    value == null ? "–" : Number(value.toPrecision(4)).toLocaleString("en-US");
  return new uPlot(
    {
      width: place.clientWidth,
      height: plot.labels ? 340 : 240,
      padding: [8, plot.labels ? 64 : 24, 0, 0],
      scales: {
        x: {
          time: false,
          range: plot.labels ? [-0.5, plot.x.length - 0.5] : (_, __, most) => [0, most * 1.05],
        },
        y: plot.labels
          ? { distr: 3, range: [Math.min(...shown) / 1.5, Math.max(...shown) * 1.5] }
          : { range: (_, __, most) => [0, most * 1.1] },
      },
      series: [
        {
          label: plot.labels ? "case" : "size",
          value: (_, x) => (plot.labels ? plot.labels[x] : few(x)),
        },
        ...plot.series.map(({ label }, i) => ({
          label,
          stroke: color(COLORS[i % COLORS.length]),
          width: plot.labels ? 0 : 1.5,
          points: { show: false },
          value: (_, value) => few(value),
        })),
      ],
      axes: [
        {
          ...axis,
          size: plot.labels ? 150 : 32,
          rotate: plot.labels ? -35 : 0,
          splits: plot.labels ? () => plot.x : undefined,
          values: plot.labels ? (_, ticks) => ticks.map((i) => plot.labels[i] ?? "") : undefined,
        },
        { ...axis, size: 70, label: plot.unit, labelFont: FONT, labelSize: 16 },
      ],
      legend: { markers: { width: 1 } },
      hooks: { draw: [drawSpread(plot)] },
    },
    [plot.x, ...plot.series.map(({ median }) => median)],
    place,
  );
}

let drawn = [];

function drawAll() {
  for (const { plot } of drawn) plot.destroy();
  drawn = plots.map((plot, i) => {
    const id = `plot-${i}`;
    return { plot: draw(id, plot), place: document.getElementById(id) };
  });
}

drawAll();
darkScheme.addEventListener("change", drawAll);
new ResizeObserver(() => {
  for (const { plot, place } of drawn)
    plot.setSize({ width: place.clientWidth, height: plot.height });
}).observe(document.querySelector(".page"));
