/** What to do where memory ran out, from what it is used for. */
import type { MemoryInUse } from "../errors";

interface Way {
  readonly frees: number;
  readonly what: string;
}

/**
 * One sentence: the way that costs the run least among those that free enough, or the one that frees most.
 * @param missing bytes that would have made the allocation fit
 */
export function memoryAdvice({ byCategory }: MemoryInUse, missing: number): string {
  const { optimizer = 0, gradient = 0, parameter = 0, tensor = 0, plan = 0 } = byCategory;
  const activations = tensor + plan;
  // From what costs the run least on.
  const ways: readonly Way[] = [
    // Of eight bytes of moments per weight 2.03 remain: see the table in docs/quantized-state.md.
    { frees: optimizer > parameter ? 0.74 * optimizer : 0, what: 'optimizer state: "8bit"' },
    { frees: gradient, what: "updates per layer, optim.perLayer" },
    // All layers' but about one: half is what every model of more than one layer gets.
    { frees: activations / 2, what: "recomputed layers, checkpoint()" },
    { frees: activations / 2, what: "half the batch" },
  ];
  const most = ways.reduce((best, way) => (way.frees > best.frees ? way : best));
  if (most.frees === 0) return "";
  const { what, frees } = ways.find((way) => way.frees >= missing) ?? most;
  return ` ${missing} bytes are missing; cheapest: ${what} frees about ${Math.round(frees)}.`;
}
