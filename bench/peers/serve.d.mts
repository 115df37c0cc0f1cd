export function serve(
  tasks: Record<string, (options: never) => Promise<() => Promise<unknown>>>,
): Promise<void>;
