/** From the events of a run to its report: the page can be made again from `run.jsonl` at any time. */

import type { RunEvent } from "../runEvents";
import type { ReportData, RunState } from "./report";

/**
 * The report of a run's events, as `readRunLog` gives them.
 * @param folder the run's folder
 * @returns undefined when no `start` is among the events
 */
export function reportData(events: readonly RunEvent[], folder: string): ReportData | undefined {
  const only = <K extends RunEvent["event"]>(kind: K): Extract<RunEvent, { event: K }>[] =>
    events.filter((event): event is Extract<RunEvent, { event: K }> => event.event === kind);
  const starts = only("start");
  const first = starts[0];
  const latest = starts.at(-1);
  if (first === undefined || latest === undefined) return undefined;
  const steps = only("step");
  const done = only("done").at(-1);
  const sample = only("sample").at(-1);
  return {
    version: latest.version,
    folder,
    state: endOf(events),
    startedAt: first.time,
    seconds: trainingSeconds(events),
    config: latest.config,
    recipe: latest.recipe,
    adapter: latest.adapter,
    parameters: latest.parameters,
    vocab: latest.vocab,
    trainTokens: latest.trainTokens,
    steps: done?.steps ?? Math.max(latest.fromStep, steps.at(-1)?.step ?? 0),
    tokensPerSecond: done?.tokensPerSecond ?? steps.at(-1)?.tokensPerSecond ?? null,
    losses: steps.map(({ step, loss, learningRate }) => ({ step, loss, learningRate })),
    validations: only("eval").map(({ step, trainLoss, valLoss }) => ({ step, trainLoss, valLoss })),
    totals: done ?? null,
    sample: sample === undefined ? null : { prompt: sample.prompt, text: sample.text },
    kernels: only("profile").at(-1)?.kernels ?? [],
  };
}

function endOf(events: readonly RunEvent[]): RunState {
  const last = events.findLast(({ event }) =>
    ["start", "done", "interrupted", "diverged"].includes(event),
  );
  return last === undefined || last.event === "start" ? "running" : (last.event as RunState);
}

/** Each process counts from 0, so the sum of what each reached. */
function trainingSeconds(events: readonly RunEvent[]): number {
  let before = 0;
  let current = 0;
  for (const event of events) {
    if (event.event === "start") {
      before += current;
      current = 0;
    } else if (event.event === "step") current = event.seconds;
  }
  return before + current;
}
