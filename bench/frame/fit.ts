/** The straight line through points that leaves the least squares. */

export interface Fit {
  readonly slope: number;
  readonly intercept: number;
  /** Share of the variance that the line explains: 1 for points on it. */
  readonly r2: number;
}

/** At least two points with different x. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Fit {
  const mean = (list: readonly number[]): number =>
    list.reduce((sum, value) => sum + value, 0) / list.length;
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const covariance = mean(points.map(([x, y]) => (x - mx) * (y - my)));
  const slope = covariance / mean(points.map(([x]) => (x - mx) ** 2));
  const intercept = my - slope * mx;
  const left = mean(points.map(([x, y]) => (y - intercept - slope * x) ** 2));
  const variance = mean(points.map(([, y]) => (y - my) ** 2));
  return { slope, intercept, r2: variance === 0 ? 1 : 1 - left / variance };
}
