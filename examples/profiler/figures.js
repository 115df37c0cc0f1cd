/** What was measured, as numbers to read and as a table. */

/** A number in three digits. */
export function short(value) {
  if (value === null) return "–";
  if (value === 0 || (Math.abs(value) >= 0.01 && Math.abs(value) < 1e4))
    return String(Number(value.toPrecision(value >= 100 ? 4 : 3)));
  return value.toExponential(1);
}

/** The time within which a share of the samples is. */
export function quantile(samples, share) {
  const ordered = [...samples].sort((a, b) => a - b);
  const at = share * (ordered.length - 1);
  const low = Math.floor(at);
  const next = ordered[Math.min(low + 1, ordered.length - 1)];
  return ordered[low] + (next - ordered[low]) * (at - low);
}

/**
 * A kernel's rates, and the roof over it: the lower of what the copy bandwidth and the arithmetic allow.
 * Null where its time is 0 by the device's clock, or its operations are not known.
 */
export function ratesOf(
  { milliseconds, bytes, flops },
  { gigabytesPerSecond, gigaflopsPerSecond },
) {
  const perSecond = (work) =>
    milliseconds > 0 && work !== null ? work / milliseconds / 1e6 : null;
  const gigabytes = perSecond(bytes);
  const gigaflops = perSecond(flops);
  const intensity = flops === null || flops === 0 || bytes === 0 ? null : flops / bytes;
  const roof = intensity && Math.min(intensity * gigabytesPerSecond, gigaflopsPerSecond);
  const share =
    roof && gigaflops !== null ? gigaflops / roof : (gigabytes ?? 0) / gigabytesPerSecond;
  return { gigabytes, gigaflops, intensity, share: milliseconds > 0 ? share : null };
}

const percent = (share) => (share === null ? "–" : `${Math.round(100 * share)} %`);

/** Headings, and a row for each kernel. */
export function kernelRows({ kernels, roofline }) {
  return {
    headings: ["kernel", "calls", "ms", "GB/s", "GFLOP/s", "op/byte", "of its roof"],
    rows: kernels.map((kernel) => {
      const { gigabytes, gigaflops, intensity, share } = ratesOf(kernel, roofline);
      const numbers = [kernel.milliseconds, gigabytes, gigaflops, intensity].map(short);
      return [kernel.kernel, String(kernel.calls), ...numbers, percent(share)];
    }),
  };
}

/** The figures of the whole run, by name. */
export function runFigures({ samples, firstMilliseconds, laterMilliseconds, kernels }) {
  const milliseconds =
    samples.length > 0
      ? quantile(samples, 0.5)
      : kernels.reduce((sum, one) => sum + one.milliseconds, 0);
  return {
    median: `${short(milliseconds)} ms`,
    middle:
      samples.length > 0
        ? `${short(quantile(samples, 0.1))} – ${short(quantile(samples, 0.9))} ms`
        : "–",
    cold: `${short(firstMilliseconds)} ms`,
    warm: `${short(laterMilliseconds)} ms`,
  };
}

/** How the times were taken, in a sentence. */
export function howTimed({ method, resolutionMicroseconds, runsInSample, programsCompiled }) {
  const by =
    method === "timestamps"
      ? "Timed by the device's timestamps"
      : "Each dispatch submitted alone and waited for, some tens of microseconds included";
  const steps =
    resolutionMicroseconds > 0.001
      ? `, which count in steps of ${short(resolutionMicroseconds)} µs`
      : "";
  const means = runsInSample > 1 ? `; each sample is the mean of ${runsInSample} runs` : "";
  const compiled =
    programsCompiled > 0
      ? ` The first run compiled ${programsCompiled} ${programsCompiled === 1 ? "program" : "programs"}.`
      : " All programs had been compiled before.";
  return `${by}${steps}${means}.${compiled}`;
}
