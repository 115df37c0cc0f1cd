/** The two pictures of the page, as SVG text whose colours are the page's. */
import { ratesOf, short } from "./figures.js";

const margin = { left: 46, right: 14, top: 12, bottom: 40 };

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const text = (x, y, content, anchor = "middle") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`;

/** Where a value stands between two pixels, by its logarithm. */
const logScale = (low, high, from, to) => (value) =>
  from +
  ((Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low))) * (to - from);

const powers = (low, high) => {
  const first = Math.round(Math.log10(low));
  const count = Math.round(Math.log10(high)) - first + 1;
  return Array.from({ length: count }, (_, i) => 10 ** (first + i));
};

const powerBelow = (value) => 10 ** Math.floor(Math.log10(value));
const powerAbove = (value) => 10 ** Math.ceil(Math.log10(value));

/**
 * The lower of bandwidth times intensity and the arithmetic peak, and the kernels under it.
 *
 * @param {object} what
 * @param {number} what.width
 * @param {import("tilegrad").Roofline} what.roofline
 * @param {readonly { name: string, current: boolean, kernel: import("./measure.js").MeasuredKernel }[]} what.points
 */
export function rooflinePicture({ width, roofline, points }) {
  const height = Math.min(360, 0.62 * width + 90);
  const { gigabytesPerSecond: bandwidth, gigaflopsPerSecond: peak } = roofline;
  const ridge = peak / bandwidth;
  const shown = points
    .map(({ name, current, kernel }) => ({ name, current, ...ratesOf(kernel, roofline) }))
    .filter(({ intensity, gigaflops }) => intensity > 0 && gigaflops > 0);
  const intensities = [ridge, 0.1, 100, ...shown.map((point) => point.intensity)];
  const low = powerBelow(Math.min(...intensities));
  const high = powerAbove(Math.max(...intensities));
  const speeds = [low * bandwidth, 1.5 * peak, ...shown.map((point) => point.gigaflops)];
  const slow = powerBelow(Math.min(...speeds));
  const fast = powerAbove(Math.max(...speeds));
  const x = logScale(low, high, margin.left, width - margin.right);
  const y = logScale(slow, fast, height - margin.bottom, margin.top);
  const lines = [
    ...powers(low, high).map(
      (value) =>
        `<path class="grid" d="M${x(value)} ${margin.top}V${height - margin.bottom}"/>${text(x(value), height - margin.bottom + 16, short(value))}`,
    ),
    ...powers(slow, fast).map(
      (value) =>
        `<path class="grid" d="M${margin.left} ${y(value)}H${width - margin.right}"/>${text(margin.left - 6, y(value) + 4, short(value), "end")}`,
    ),
    text((margin.left + width - margin.right) / 2, height - 6, "operations a byte"),
    `<path class="roof" d="M${x(low)} ${y(low * bandwidth)}L${x(ridge)} ${y(peak)}H${x(high)}"/>`,
    text(x(high) - 4, y(peak) - 6, `${short(peak)} GFLOP/s`, "end"),
    ...shown.map(({ name, current, intensity, gigaflops }) => {
      const right = x(intensity) > 0.6 * width;
      const label = current
        ? text(x(intensity) + (right ? -9 : 9), y(gigaflops) + 4, name, right ? "end" : "start")
        : "";
      const kind = current ? "now" : "before";
      return `<circle class="${kind}" cx="${x(intensity)}" cy="${y(gigaflops)}" r="5"><title>${escaped(`${name}: ${short(gigaflops)} GFLOP/s`)}</title></circle>${label}`;
    }),
  ];
  return svg(width, height, lines);
}

/** How many samples took how long. */
export function timesPicture({ width, samples }) {
  const height = 150;
  const low = Math.min(...samples);
  const high = Math.max(...samples);
  const bins = Math.max(Math.min(24, Math.floor(width / 24)), 4);
  const span = Math.max(high - low, 1e-3 * high, 1e-9);
  const counts = new Array(bins).fill(0);
  for (const sample of samples)
    counts[Math.min(Math.floor(((sample - low) / span) * bins), bins - 1)]++;
  const most = Math.max(...counts);
  const base = height - margin.bottom;
  const wide = (width - margin.left - margin.right) / bins;
  const bars = counts.map((count, i) => {
    const tall = (count / most) * (base - margin.top);
    return `<rect class="bar" x="${margin.left + i * wide + 1}" y="${base - tall}" width="${wide - 2}" height="${tall}"/>`;
  });
  return svg(width, height, [
    ...bars,
    `<path class="grid" d="M${margin.left} ${base}H${width - margin.right}"/>`,
    text(margin.left, base + 16, short(low), "start"),
    text(width - margin.right, base + 16, short(low + span), "end"),
    text((margin.left + width - margin.right) / 2, height - 6, "ms in kernels"),
    text(margin.left - 6, margin.top + 8, String(most), "end"),
    text(margin.left - 6, base, "0", "end"),
  ]);
}

const svg = (width, height, parts) =>
  `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-hidden="true">${parts.join("")}</svg>`;
