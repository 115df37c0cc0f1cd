export interface Weight {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}
export interface GptProblem {
  readonly vocab: number;
  readonly context: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly batch: number;
}
export interface ConvNetProblem {
  readonly channels: readonly [number, number];
  readonly classes: number;
  readonly side: number;
  readonly batch: number;
}
export interface TrainingBatch<Input> {
  readonly input: Input;
  readonly target: Int32Array<ArrayBuffer>;
}
export const adamw: {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly clipGradNorm: number;
};
export const tinyGpt: GptProblem;
export const convNet: ConvNetProblem;
export const batchCount: number;
export function gptWeights(problem: GptProblem): Record<string, Weight>;
export function gptBatches(problem: GptProblem): TrainingBatch<Int32Array<ArrayBuffer>>[];
export function convNetWeights(problem: ConvNetProblem): Record<string, Weight>;
export function hasMnist(folder: string): boolean;
export function digitBatches(
  problem: ConvNetProblem,
  folder: string | null,
): TrainingBatch<Float32Array<ArrayBuffer>>[];
