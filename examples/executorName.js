const through = { hardware: "GPU through WebGPU", software: "CPU through WebGPU", wasm: "" };

/**
 * What computes, in words.
 * @param {import("tilegrad").AdapterReport} adapter
 */
export const executorName = ({ class: kind, description }) =>
  [through[kind], description].filter(Boolean).join(", ");
