/** A sequence that records its commands one by one, as they would be without it. */
import type {
  BufferBinding,
  Executor,
  Sequence,
  SequenceCommand,
  SlotBuffer,
  SlotRange,
} from "./executor";

export function oneByOne(executor: Executor, commands: readonly SequenceCommand[]): Sequence {
  return {
    run(slots: readonly SlotBuffer[]) {
      const at = ({ slot, offset, bytes }: SlotRange): BufferBinding => ({
        buffer: slots[slot]!.buffer,
        offset: slots[slot]!.offset + offset,
        bytes,
      });
      for (const command of commands)
        if (command.kind === "copy") executor.copy(at(command.from), at(command.to));
        else if (command.kind === "clear") executor.clear(at(command.range));
        else
          executor.dispatch(
            command.program,
            command.bindings.map(at),
            command.params,
            command.grid,
          );
    },
    dispose() {},
  };
}
