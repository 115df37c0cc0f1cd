/** What differs between the homes of the library: where the GPU object comes from. */
export interface Platform {
  readonly name: "node" | "browser";
  /**
   * The WebGPU entry point.
   * @param adapter part of an adapter's name, to choose it; where the platform cannot choose, the caller
   *   checks what it got
   * @throws AdapterError that says how to get WebGPU, or which adapters there are
   */
  gpu(adapter?: string): Promise<GPU>;
  /** Names of the adapters that `gpu` can choose. */
  adapterNames(): Promise<string[]>;
  /** True where a pending map spins a core while the host waits for the device (Dawn in Node). */
  readonly waitingSpins: boolean;
}
