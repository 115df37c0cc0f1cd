/** Saves of a checkpoint of 10 million parameters whose optimizer states have 8 bits; the same in every home. */
import type * as Tilegrad from "../../src/index";
import type { FileStore } from "../../src/platform/files";

/** A save, or a wait of the same length for comparison; milliseconds. */
export interface Watched {
  readonly duration: number;
  /** The longest that a timer of this thread waited beyond its turn. */
  readonly pause: number;
}

const [layers, inputs, outputs] = [48, 457, 456];
const timerMs = 4;

/** Runs something, and watches how long this thread is held up meanwhile. */
export async function watched(run: () => Promise<unknown>): Promise<Watched> {
  const begun = performance.now();
  let last = begun;
  let pause = 0;
  const look = (): void => {
    const now = performance.now();
    pause = Math.max(pause, now - last - timerMs);
    last = now;
  };
  const timer = setInterval(look, timerMs);
  try {
    await run();
  } finally {
    clearInterval(timer);
  }
  look();
  return { duration: last - begun, pause };
}

export const waited = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param path where the checkpoints go, each over the one before
 * @param around goes around each save that counts, for whoever watches another thread
 */
export async function measureSaves(
  { nn, optim, saveCheckpoint }: Pick<typeof Tilegrad, "nn" | "optim" | "saveCheckpoint">,
  files: FileStore,
  path: string,
  rounds: number,
  around: { begin(): void; end(): void } = { begin() {}, end() {} },
): Promise<{ parameters: number; saves: Watched[]; idle: Watched[] }> {
  const model = new nn.ModuleList(
    Array.from({ length: layers }, () => new nn.Linear(inputs, outputs, { bias: false })),
  );
  const optimizer = optim.adamw(model.namedParameters(), { state: "8bit" });
  // Without a step all states are zeros.
  optimizer.step(model.parameters());
  const saves: Watched[] = [];
  const idle: Watched[] = [];
  // The first round makes what the others find there.
  for (let round = 0; round <= rounds; round++) {
    if (round > 0) around.begin();
    const save = await watched(() => saveCheckpoint(files, path, { model, optimizer }));
    if (round > 0) around.end();
    const wait = await watched(() => waited(save.duration));
    if (round === 0) continue;
    saves.push(save);
    idle.push(wait);
  }
  optimizer.dispose();
  return { parameters: model.parameterCount, saves, idle };
}
