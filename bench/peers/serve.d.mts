export interface Work {
  run(): Promise<unknown>;
  dispose?(): unknown;
}
export function serve(engine: {
  about: { adapter: string; version: string };
  tasks: Readonly<Record<string, (options: never) => Promise<Work | (() => Promise<unknown>)>>>;
  deviceMemory?: () => { buffers?: number; planned?: number };
}): Promise<void>;
