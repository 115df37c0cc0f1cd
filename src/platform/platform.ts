/** What differs between the homes of the library: where the GPU object comes from. */
export interface Platform {
  readonly name: "node" | "browser";
  /** The WebGPU entry point. Throws AdapterError that says how to get one. */
  gpu(): Promise<GPU>;
  /** True where a pending map spins a core while the host waits for the device (Dawn in Node). */
  readonly waitingSpins: boolean;
}
