/**
 * Entries of User Timing, so that DevTools shows the dispatches on a track of their own beside the page's work.
 * Source: https://developer.chrome.com/docs/devtools/performance/extension
 */
import type { Profile } from "./result";

/** @param began when the run began, on the clock of `performance.now` */
export function addMeasures({ data }: Profile, began: number): void {
  const { roofline } = data;
  for (const { kernel, startMilliseconds, milliseconds, bytes, flops } of data.dispatches) {
    const properties: [string, string][] = [["bytes", String(bytes)]];
    if (flops !== null) properties.push(["operations", String(flops)]);
    if (milliseconds > 0) {
      const gigabytes = bytes / milliseconds / 1e6;
      const share = roofline && (100 * gigabytes) / roofline.gigabytesPerSecond;
      properties.push([
        "GB/s",
        `${gigabytes.toFixed(2)}${share === null ? "" : ` (${share.toFixed(0)} % of a copy)`}`,
      ]);
    }
    performance.measure(kernel, {
      start: began + startMilliseconds,
      duration: milliseconds,
      detail: {
        bytes,
        flops,
        devtools: {
          dataType: "track-entry",
          track: "kernels",
          trackGroup: "tilegrad",
          color: "primary",
          tooltipText: kernel,
          properties,
        },
      },
    });
  }
}
