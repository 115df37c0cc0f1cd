/** Which registers statements may change, here where they are lowered. */
import type { Statement } from "../wgsl/program";
import { assignedIn } from "./assigned";
import type { Slot } from "./environment";
import type { Lowering } from "./lowering";

/** The slots that exist here of the variables assigned in the statements. */
export function changingSlots(cx: Lowering, bodies: readonly (readonly Statement[])[]): Slot[] {
  const { environment, names } = cx;
  const slots = new Set<Slot>();
  for (const body of bodies)
    for (const variable of assignedIn(body)) {
      const binding = names.get(variable);
      if (binding?.kind !== "place") continue;
      const place = binding.place.kind === "component" ? binding.place.vector : binding.place;
      if (place.kind !== "register") continue;
      for (const slot of place.slots) if (environment.values.has(slot)) slots.add(slot);
    }
  // Returns set the result of the function around the loop.
  const result = cx.activation?.result;
  if (result?.kind === "register")
    for (const slot of result.slots) if (environment.values.has(slot)) slots.add(slot);
  return [...slots];
}
