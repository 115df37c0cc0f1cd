/** What the WebAssembly engine can do, found by asking it to validate a tiny module. */

/** A module of one function (v128, v128, v128) -> v128 that applies an instruction to its parameters. */
function accepts(...instruction: number[]): boolean {
  const body = [0, 0x20, 0, 0x20, 1, 0x20, 2, ...instruction, 0x0b];
  return WebAssembly.validate(
    new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b],
      ...[3, 2, 1, 0],
      ...[10, body.length + 2, 1, body.length, ...body],
    ]),
  );
}

/** v128.bitselect. */
export const hasSimd = (): boolean => accepts(0xfd, 0x52);

/** f32x4.relaxed_madd. */
export const hasRelaxedSimd = (): boolean => accepts(0xfd, 0x85, 0x02);
