/** The module behind the built-in kernels: memory.copy and memory.fill, which JavaScript does not reach. */

/**
 *   (module (import "env" "memory" (memory …))
 *     (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
 *     (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2))))
 */
export function moveModule(shared: boolean): WebAssembly.Module {
  const text = (s: string) => [s.length, ...[...s].map((c) => c.charCodeAt(0))];
  const section = (id: number, ...body: number[]) => [id, body.length, ...body];
  const limits = shared ? [3, 0, 0x80, 0x80, 4] : [0, 0];
  const body = (...instruction: number[]) => [
    ...[8 + instruction.length, 0, 0x20, 0, 0x20, 1, 0x20, 2],
    ...[...instruction, 0x0b],
  ];
  return new WebAssembly.Module(
    new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0),
      ...section(2, 1, ...text("env"), ...text("memory"), 2, ...limits),
      ...section(3, 2, 0, 0),
      ...section(7, 2, ...text("copy"), 0, 0, ...text("fill"), 0, 1),
      ...section(10, 2, ...body(0xfc, 10, 0, 0), ...body(0xfc, 11, 0)),
    ]),
  );
}
