export interface Work {
  run(): Promise<unknown>;
  dispose?(): unknown;
}
export function serve(engine: {
  about: { adapter: string; version: string; hardware?: boolean };
  tasks: Readonly<Record<string, (options: never) => Promise<Work | (() => Promise<unknown>)>>>;
  deviceMemory?: () => { buffers?: number; planned?: number };
}): Promise<void>;
