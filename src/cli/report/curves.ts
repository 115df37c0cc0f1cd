/** From the losses of a run to what its charts draw. */

/** A loss at a step. */
export interface LossPoint {
  step: number;
  loss: number;
}

/**
 * At most `most` points, each the mean of the losses it stands for, at the last of their steps. A chart has
 * about that many pixels, and a report of a long run stays small.
 */
export function thin(points: readonly LossPoint[], most: number): LossPoint[] {
  if (points.length <= most) return [...points];
  return Array.from({ length: most }, (_, i) => {
    const begin = Math.floor((i * points.length) / most);
    const part = points.slice(begin, Math.floor(((i + 1) * points.length) / most));
    const sum = part.reduce((total, { loss }) => total + loss, 0);
    return { step: part.at(-1)!.step, loss: sum / part.length };
  });
}

/**
 * Each loss as the mean of those up to `radius` points before and after it; fewer near the ends, as many
 * on either side. A centred mean does not trail behind a falling curve, as a running one does.
 */
export function smooth(points: readonly LossPoint[], radius: number): LossPoint[] {
  return points.map(({ step }, i) => {
    const reach = Math.min(radius, i, points.length - 1 - i);
    const around = points.slice(i - reach, i + reach + 1);
    return { step, loss: around.reduce((sum, { loss }) => sum + loss, 0) / around.length };
  });
}

/** About `most` of the points, evenly spread, the first and the last among them. */
export function spread<T>(points: readonly T[], most: number): T[] {
  if (points.length <= most) return [...points];
  return Array.from(
    { length: most },
    (_, i) => points[Math.round((i * (points.length - 1)) / (most - 1))]!,
  );
}

/** Series over one common axis of steps, null where a series has no value: uPlot's form of data. */
export function align(series: readonly (readonly LossPoint[])[]): (number | null)[][] {
  const steps = [...new Set(series.flatMap((points) => points.map(({ step }) => step)))];
  steps.sort((a, b) => a - b);
  const columns = series.map((points) => {
    const losses = new Map(points.map(({ step, loss }) => [step, loss]));
    return steps.map((step) => losses.get(step) ?? null);
  });
  return [steps, ...columns];
}
