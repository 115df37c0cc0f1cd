/** The loss curve, drawn by uPlot in the colours of the page. */
import UPlot from "uplot";

export class LossChart {
  /** @param {HTMLElement} place which it fills */
  constructor(place) {
    const colour = (name) => () => getComputedStyle(place).getPropertyValue(name);
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 } };
    const ticks = { stroke: colour("--line"), width: 1 };
    this.plot = new UPlot(
      {
        width: place.clientWidth,
        height: place.clientHeight,
        legend: { show: false },
        cursor: { show: false },
        padding: [12, 18, 4, 0],
        scales: { x: { time: false } },
        axes: [
          { ...axis, ticks, space: 60, size: 30 },
          { ...axis, ticks, size: 44 },
        ],
        series: [{}, { stroke: colour("--accent"), width: 2, points: { show: false } }],
      },
      [[], []],
      place,
    );
    new ResizeObserver(() =>
      this.plot.setSize({ width: place.clientWidth, height: place.clientHeight }),
    ).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      this.plot.redraw(false),
    );
  }

  /** @param {readonly (readonly [number, number])[]} curve steps and losses */
  show(curve) {
    this.plot.setData([curve.map(([step]) => step), curve.map(([, loss]) => loss)]);
  }
}
