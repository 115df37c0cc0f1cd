/** Curves by uPlot in the colours of the page, light or dark, as wide as their place. */
import UPlot from "uplot";

/**
 * @typedef {object} Curve
 * @property {string} label
 * @property {string} colour
 * @property {readonly number[]} [dash]
 */

/** A number on an axis, short. */
const tick = (value) =>
  value === null || (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5))
    ? (value?.toExponential(0) ?? "")
    : String(Number(value.toPrecision(6)));

/**
 * @param {HTMLElement} place empty, with the class "curves"
 * @param {object} options
 * @param {string} options.xTitle
 * @param {string} options.yTitle
 * @param {boolean} [options.logX]
 * @param {boolean} [options.logY]
 * @param {readonly [number, number]} [options.yRange]
 * @returns {(curves: readonly Curve[], columns: (number | null)[][]) => void} shows x and a column for each curve
 */
export function curvesIn(place, { xTitle, yTitle, logX = false, logY = false, yRange }) {
  let plot = null;
  let shown = { curves: [], columns: [[]] };
  /** What the plot was made for: it is made anew for anything else. */
  let made = "";

  function make() {
    plot?.destroy();
    const style = getComputedStyle(place);
    const [ink, line] = ["--soft", "--line"].map((name) => style.getPropertyValue(name));
    const axis = (label, size) => ({
      label,
      size,
      labelSize: 20,
      font: "12px system-ui, sans-serif",
      labelFont: "12px system-ui, sans-serif",
      stroke: ink,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line, width: 1 },
      values: (_, ticks) => ticks.map(tick),
    });
    plot = new UPlot(
      {
        width: place.clientWidth,
        height: place.clientHeight,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, distr: logX ? 3 : 1 },
          y: { distr: logY ? 3 : 1, ...(yRange && { range: [...yRange] }) },
        },
        axes: [axis(xTitle, 34), axis(yTitle, 52)],
        series: [
          {},
          ...shown.curves.map(({ label, colour, dash }) => ({
            label,
            stroke: colour,
            width: 2,
            ...(dash && { dash: [...dash] }),
            points: { show: false },
          })),
        ],
      },
      shown.columns,
      place,
    );
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
  new ResizeObserver(() =>
    plot?.setSize({ width: place.clientWidth, height: place.clientHeight }),
  ).observe(place);

  return (curves, columns) => {
    shown = { curves, columns };
    const wanted = JSON.stringify(curves);
    if (plot && wanted === made) plot.setData(columns);
    else {
      made = wanted;
      make();
    }
  };
}
