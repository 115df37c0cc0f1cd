/** Measures an operation: the first run, which compiles, then one run after another, each timed by the device. */
import { currentDevice, profile } from "tilegrad";
import { executorName } from "../executorName.js";
import { quantile } from "./figures.js";
import { workloadOf } from "./workloads.js";

/** Samples at most, and milliseconds after which no other begins. */
const mostSamples = 60;
const longest = 2500;

/** A sample of a coarse clock is the mean of so many runs that they span this many of its steps. */
const stepsInSample = 20;
const mostInSample = 100;

/**
 * @typedef {object} MeasuredKernel work and time of one run
 * @property {string} kernel
 * @property {string} program the kernel with its choices
 * @property {string} wgsl
 * @property {Readonly<Record<string, number>>} overrides
 * @property {number} calls
 * @property {number} milliseconds
 * @property {number} bytes
 * @property {number | null} flops null where nothing says how many
 *
 * @typedef {object} Measured
 * @property {string} name
 * @property {readonly number[]} sizes
 * @property {string} adapter
 * @property {import("tilegrad").Roofline} roofline what the adapter was measured to do at most
 * @property {readonly MeasuredKernel[]} kernels the longest time first;
 *   times are medians over the samples, means where the clock is coarse
 * @property {number} firstMilliseconds the first run, by the host's clock
 * @property {number} laterMilliseconds a later one without timing, by the host's clock
 * @property {number} programsCompiled in the first run
 * @property {number} resolutionMicroseconds steps of the device's clock
 * @property {"timestamps" | "bracketing"} method
 * @property {number} runsInSample
 * @property {number[]} samples milliseconds in kernels, of one run
 */

/**
 * @param {string} name of `workloads`
 * @param {readonly number[]} sizes
 * @returns {AsyncGenerator<Measured>} with no sample yet, and then with one more each time
 * @throws Error for a name that is none, and for sizes out of bounds
 */
export async function* measure(name, sizes) {
  const workload = workloadOf(name, sizes);
  const operands = workload.operands(...sizes);
  const run = () => workload.run(...operands);
  try {
    const first = await profile(run, { measures: false });
    const { data } = first;
    const measured = {
      name,
      sizes,
      adapter: executorName(currentDevice().executor.adapter),
      roofline: data.roofline,
      kernels: kernelsOf(first),
      firstMilliseconds: data.host.firstRunMilliseconds,
      laterMilliseconds: data.host.wallMilliseconds,
      programsCompiled: data.host.programsCompiled,
      resolutionMicroseconds: data.resolutionMicroseconds,
      method: data.method,
      runsInSample: runsInSample(data),
      samples: [],
    };
    yield measured;
    const repeats = measured.runsInSample;
    // Where the clock is coarse, only the mean of its readings is right; elsewhere one slow run must not count.
    const typical = repeats > 1 ? mean : (own) => quantile(own, 0.5);
    const times = new Map(measured.kernels.map(({ program }) => [program, []]));
    const end = performance.now() + longest;
    do {
      const sample = await profile(run, {
        measures: false,
        roofline: false,
        warmup: 0,
        repeats,
      });
      const total = sample.data.kernels.reduce((sum, one) => sum + one.totalMilliseconds, 0);
      measured.samples.push(total);
      for (const [program, own] of times) own.push(timeOf(sample, program));
      measured.kernels = measured.kernels.map((kernel) => ({
        ...kernel,
        milliseconds: typical(times.get(kernel.program)),
      }));
      yield measured;
    } while (measured.samples.length < mostSamples && performance.now() < end);
  } finally {
    for (const operand of operands) operand.dispose();
  }
}

/** One run, unless the clock's steps are too coarse for it. */
function runsInSample({ resolutionMicroseconds, kernels }) {
  const milliseconds = kernels.reduce((sum, one) => sum + one.totalMilliseconds, 0);
  const wanted = (stepsInSample * resolutionMicroseconds) / 1e3 / Math.max(milliseconds, 1e-6);
  return Math.ceil(Math.min(Math.max(wanted, 1), mostInSample));
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Milliseconds of a program in one run, the mean over the timed runs. */
const timeOf = ({ data }, program) =>
  data.shapes
    .filter(({ name }) => name.startsWith(`${program} [`))
    .reduce((sum, { totalMilliseconds }) => sum + totalMilliseconds, 0);

/** Each program with its text, its work and its time. */
function kernelsOf(result) {
  return result.programs
    .map(({ kernel, program, wgsl, overrides }) => {
      const own = result.data.dispatches.filter((dispatch) => dispatch.program === program);
      const bytes = own.reduce((sum, dispatch) => sum + dispatch.bytes, 0);
      const known = own.every(({ flops }) => flops !== null);
      const flops = known ? own.reduce((sum, dispatch) => sum + dispatch.flops, 0) : null;
      const milliseconds = timeOf(result, program);
      return { kernel, program, wgsl, overrides, calls: own.length, milliseconds, bytes, flops };
    })
    .sort((a, b) => b.milliseconds - a.milliseconds);
}
