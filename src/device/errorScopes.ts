/**
 * Error scopes. WebGPU reports a rejected call later and elsewhere; a scope around the call catches the
 * report, and turns it into a typed error that says what was asked for.
 */
import type { DeviceError } from "../errors";
import { type ErrorFilter, typedError } from "./gpuErrors";

const filters: readonly ErrorFilter[] = ["internal", "out-of-memory", "validation"];

export class ErrorScopes {
  private readonly pending = new Set<Promise<void>>();

  constructor(
    private readonly device: GPUDevice,
    private readonly fail: (error: DeviceError) => void,
  ) {}

  /** Every call until `close` is caught. */
  open(): void {
    for (const filter of filters) this.device.pushErrorScope(filter);
  }

  /** @param doing what was asked of the device, naming kernel, tensors and sizes */
  close(doing: string): void {
    for (const filter of filters.toReversed()) {
      const scope = this.device
        .popErrorScope()
        .then((error) => {
          if (error) this.fail(typedError(filter, error.message, doing));
        })
        // A lost device rejects; `lost` reports it.
        .catch(() => undefined)
        .finally(() => this.pending.delete(scope));
      this.pending.add(scope);
    }
  }

  /** Waits until every scope closed so far has answered. */
  async settle(): Promise<void> {
    await Promise.all(this.pending);
  }
}
