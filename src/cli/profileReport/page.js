/**
 * Draws a profile's charts in the reader's browser: when each kernel ran, the buffers in use, and how far the
 * kernels are below the roofline. The numbers are the JSON in the page, the colours the style sheet's, so that
 * both colour schemes and a change between them just work.
 */

/* global uPlot */

const { timeline, memory, roofline } = JSON.parse(
  document.getElementById("chart-data").textContent,
);
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const rootStyle = getComputedStyle(document.documentElement);
const color = (name) => rootStyle.getPropertyValue(`--${name}`).trim();
const FONT = "12px system-ui, sans-serif";
const LANE = 22;
/** Pixels left of every chart, so that the two on one axis of time stand exactly above each other. */
const MARGIN = innerWidth < 700 ? 110 : 190;

function axis(extra) {
  const line = { stroke: color("grid"), width: 1 };
  return { stroke: color("soft"), font: FONT, grid: line, ticks: { ...line, size: 4 }, ...extra };
}

const digits = (value) =>
  value >= 1000
    ? Math.round(value).toLocaleString("en-US")
    : value >= 1
      ? String(Number(value.toPrecision(3)))
      : String(Number(value.toPrecision(2)));

/** The text cut to what fits, as axes do not. */
function fitting(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end--;
  return `${text.slice(0, end)}…`;
}

/** One lane for each kernel; every dispatch is a bar from its begin to its end. */
function drawTimeline(place) {
  const { lanes, bars, end } = timeline;
  const note = document.getElementById("timeline-note");
  const initial = note.dataset.text ?? note.textContent;
  note.dataset.text = initial;
  const ratio = devicePixelRatio || 1;
  const bar = (plot, { lane, start, milliseconds }) => {
    const left = plot.valToPos(start, "x", true);
    const right = plot.valToPos(start + milliseconds, "x", true);
    const top = plot.valToPos(lane + 0.14, "y", true);
    const bottom = plot.valToPos(lane + 0.86, "y", true);
    return [left, top, Math.max(right - left, ratio), bottom - top];
  };
  return new uPlot(
    {
      width: place.clientWidth,
      height: lanes.length * LANE + 44,
      padding: [8, 24, 0, 0],
      scales: {
        x: { time: false, range: (_, low, high) => [low ?? 0, high ?? end] },
        y: { range: [0, lanes.length], dir: -1 },
      },
      series: [{}, { show: true, stroke: "transparent", points: { show: false } }],
      axes: [
        axis({
          size: 32,
          space: 80,
          values: (_, ticks) => ticks.map((tick) => `${digits(tick)} ms`),
        }),
        axis({
          size: MARGIN,
          splits: () => lanes.map((_, lane) => lane + 0.5),
          values: (plot) =>
            lanes.map((name) => {
              plot.ctx.font = `${12 * ratio}px system-ui, sans-serif`;
              return fitting(plot.ctx, name, (MARGIN - 14) * ratio);
            }),
          grid: { show: false },
        }),
      ],
      legend: { show: false },
      cursor: {
        y: true,
        sync: { key: "time", scales: ["x", null] },
        drag: { x: true, y: false },
        points: { show: false },
      },
      hooks: {
        draw: [
          (plot) => {
            const { ctx } = plot;
            const { left, top, width, height } = plot.bbox;
            ctx.save();
            ctx.beginPath();
            ctx.rect(left, top, width, height);
            ctx.clip();
            for (const item of bars) {
              ctx.fillStyle = color(lanes[item.lane] === "host" ? "rate" : "training");
              if (item.name === "wait for the device") ctx.fillStyle = color("grid");
              ctx.fillRect(...bar(plot, item));
            }
            ctx.restore();
          },
        ],
        setCursor: [
          (plot) => {
            const { left, top } = plot.cursor;
            if (left < 0 || left == null) {
              note.textContent = initial;
              return;
            }
            const at = plot.posToVal(left, "x");
            const lane = Math.floor(plot.posToVal(top, "y"));
            const slack = plot.posToVal(left + 2, "x") - at;
            const under = bars.find(
              (item) =>
                item.lane === lane &&
                at >= item.start - slack &&
                at <= item.start + item.milliseconds + slack,
            );
            note.textContent = under ? under.text : initial;
          },
        ],
      },
    },
    [
      [0, end],
      [null, null],
    ],
    place,
  );
}

/** Bytes change in steps. */
function drawMemory(place) {
  return new uPlot(
    {
      width: place.clientWidth,
      height: 150,
      padding: [8, 24, 0, 0],
      scales: {
        x: { time: false, range: (_, low, high) => [low ?? 0, high ?? timeline.end] },
        y: { range: (_, __, most) => [0, most * 1.15 || 1] },
      },
      series: [
        {},
        {
          stroke: color("validation"),
          fill: `${color("validation")}22`,
          width: 1.5,
          paths: uPlot.paths.stepped({ align: 1 }),
          points: { show: false },
        },
      ],
      axes: [
        axis({
          size: 32,
          space: 80,
          values: (_, ticks) => ticks.map((tick) => `${digits(tick)} ms`),
        }),
        axis({ size: MARGIN, values: (_, ticks) => ticks.map((tick) => `${digits(tick)} MiB`) }),
      ],
      legend: { show: false },
      cursor: { sync: { key: "time", scales: ["x", null] }, drag: { x: true, y: false } },
    },
    memory,
    place,
  );
}

/** Both axes logarithmic; the roof is the lower of bandwidth times intensity and the arithmetic peak. */
function drawRoofline(place) {
  const { points, bandwidth, peak } = roofline;
  const intensities = [...points.map(({ x }) => x), peak / bandwidth];
  const speeds = [...points.map(({ y }) => y), peak];
  // Whole powers of ten, so that those are what the axes say.
  const below = (value) => 10 ** Math.floor(Math.log10(value));
  const above = (value) => 10 ** Math.ceil(Math.log10(value));
  const low = below(Math.min(...intensities));
  const high = above(Math.max(...intensities));
  const ridge = peak / bandwidth;
  const xs = [low, ridge, high].sort((a, b) => a - b);
  const roof = xs.map((x) => Math.min(x * bandwidth, peak));
  const note = document.getElementById("roofline-note");
  const initial = note.dataset.text ?? note.textContent;
  note.dataset.text = initial;
  const ratio = devicePixelRatio || 1;
  const radius = ({ share }) => 3 + 9 * Math.sqrt(share);
  return new uPlot(
    {
      width: place.clientWidth,
      height: 380,
      padding: [14, 24, 0, 0],
      scales: {
        x: { time: false, distr: 3, log: 10, range: [low, high] },
        y: {
          distr: 3,
          log: 10,
          range: [below(Math.min(...speeds, ...roof)), above(1.2 * Math.max(...speeds))],
        },
      },
      series: [{}, { stroke: color("guessing"), width: 2, points: { show: false } }],
      axes: [
        axis({
          size: 50,
          label: "operations per byte",
          labelSize: 18,
          labelFont: FONT,
          values: (_, ticks) => ticks.map((tick) => (tick == null ? "" : digits(tick))),
        }),
        axis({
          size: 64,
          label: "GFLOP/s",
          labelSize: 18,
          labelFont: FONT,
          values: (_, ticks) => ticks.map((tick) => (tick == null ? "" : digits(tick))),
        }),
      ],
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: false, y: false } },
      hooks: {
        draw: [
          (plot) => {
            const { ctx } = plot;
            const { left, width } = plot.bbox;
            ctx.save();
            ctx.font = `${12 * ratio}px system-ui, sans-serif`;
            ctx.textAlign = "left";
            const taken = [];
            for (const point of points) {
              const x = plot.valToPos(point.x, "x", true);
              const y = plot.valToPos(point.y, "y", true);
              const size = radius(point) * ratio;
              ctx.beginPath();
              ctx.arc(x, y, size, 0, 2 * Math.PI);
              ctx.fillStyle = `${color("training")}99`;
              ctx.fill();
              ctx.strokeStyle = color("training");
              ctx.stroke();
              // The kernels with the most time come first and get their names where there is room.
              const text = ctx.measureText(point.name).width;
              const toLeft = x + size + 4 * ratio + text > left + width;
              const at = toLeft ? x - size - 4 * ratio - text : x + size + 4 * ratio;
              const box = [at, y - 8 * ratio, at + text, y + 8 * ratio];
              const hits = taken.some(
                (other) =>
                  box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1],
              );
              if (hits) continue;
              taken.push(box);
              ctx.fillStyle = color("ink");
              ctx.textBaseline = "middle";
              ctx.fillText(point.name, at, y);
            }
            ctx.restore();
          },
        ],
        setCursor: [
          (plot) => {
            const { left, top } = plot.cursor;
            const near = points.find(
              (point) =>
                Math.hypot(plot.valToPos(point.x, "x") - left, plot.valToPos(point.y, "y") - top) <=
                radius(point) + 3,
            );
            note.textContent = near ? near.text : initial;
          },
        ],
      },
    },
    [xs, roof],
    place,
  );
}

const charts = [
  ["timeline-chart", drawTimeline],
  ["memory-chart", drawMemory],
  ["roofline-chart", drawRoofline],
]
  .map(([id, draw]) => ({ place: document.getElementById(id), draw }))
  .filter(({ place }) => place !== null);

let drawn = [];

function drawAll() {
  for (const { plot } of drawn) plot.destroy();
  drawn = charts.map(({ place, draw }) => ({ plot: draw(place), place }));
}

drawAll();
darkScheme.addEventListener("change", drawAll);
new ResizeObserver(() => {
  for (const { plot, place } of drawn)
    plot.setSize({ width: place.clientWidth, height: plot.height });
}).observe(document.querySelector(".page"));
