/** What differs between the homes of the library: the GPU object, threads, where files are kept. */
export interface Platform {
  readonly name: "node" | "browser";
  /**
   * The WebGPU entry point.
   * @param adapter part of an adapter's name, to choose it; where the platform cannot choose, the caller
   *   checks what it got
   * @throws AdapterError that says how to get WebGPU, or which adapters there are
   */
  gpu(adapter?: string): Promise<GPU>;
  /** The WebGPU entry point where there may be a GPU behind it, else null. Never throws. */
  hardwareGPU(): Promise<GPU | null>;
  /** What the user's environment asks for, if it does. @throws ArgumentError if it asks for the unknown */
  wantedExecutor(): "webgpu" | "cpu" | undefined;
  /** Names of the adapters that `gpu` can choose. */
  adapterNames(): Promise<string[]>;
  /** True where a pending map spins a core while the host waits for the device (Dawn in Node). */
  readonly waitingSpins: boolean;
  /** Threads that the machine runs at once. */
  cores(): number;
  /** True where threads may share memory. */
  sharesMemory(): boolean;
  /** Starts a thread, or returns null where there are none. It does not keep the process alive. */
  startThread(code: ThreadCode, events: ThreadEvents): Thread | null;
  /** Bytes that outlive the process, or null where nothing can be kept. */
  byteCache(): Promise<ByteCache | null>;
  /** Frees what nothing refers to any more, where a program may ask for that; else does nothing. */
  collectGarbage(): void;
  /** Lets the event loop go round once. */
  pause(): Promise<void>;
}

/** A function that names nothing outside itself: a thread gets its text. */
export interface ThreadCode {
  /** `(port, ...parts) => void` */
  readonly main: (port: ThreadPort, ...parts: never[]) => void;
  /** Functions that `main` is called with, as self-contained as it is. */
  readonly parts: readonly ((...args: never[]) => unknown)[];
}

/** The thread's own end. */
export interface ThreadPort {
  post(message: unknown): void;
  listen(receive: (message: never) => void): void;
  /** Milliseconds on a clock that all threads share. */
  clock(): number;
}

export interface ThreadEvents {
  message(message: unknown): void;
  /** The thread could not start, or died. Nothing comes after it. */
  failed(reason: string): void;
}

export interface Thread {
  post(message: unknown): void;
  /** Whether the process stays alive for it. */
  keepAlive(on: boolean): void;
  terminate(): Promise<void>;
}

/** Keys are file names: letters, digits, dots. Failures to read or write look like absence. */
export interface ByteCache {
  get(key: string): Promise<Uint8Array | null>;
  put(key: string, bytes: Uint8Array): Promise<void>;
}

/** The text of a program that starts `code` with a port made by the expression `port`. */
export function threadSource({ main, parts }: ThreadCode, port: string): string {
  // Some bundlers wrap functions in __name to keep their names.
  const texts = parts.map((part) => `(${part})`);
  return `"use strict";const __name=(f)=>f;(${main})(${[port, ...texts].join()});`;
}
