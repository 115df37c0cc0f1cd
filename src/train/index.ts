/** Training: one step, the common loop, evaluation, checkpoints. */
export {
  Checkpoint,
  type CheckpointParts,
  encodeCheckpoint,
  type RestoreOptions,
  type RestoreTarget,
  saveCheckpoint,
} from "./checkpoint";
export {
  type CheckpointFile,
  CheckpointFolder,
  type CheckpointFolderOptions,
  type LatestCheckpoint,
} from "./checkpointFolder";
export { evaluate } from "./evaluate";
export type { Configuration, Fingerprint, ForcedRestore } from "./fingerprint";
export { type GPT2Config, gpt2Layout, loadGPT2 } from "./gpt2";
export type { SafetensorsDType, SafetensorsTensor } from "./safetensors";
export {
  encodeModel,
  StateDictLayout,
  type StateDictRules,
  type StateDictTensors,
} from "./stateDictLayout";
export {
  type RestartReport,
  type Snapshot,
  SupervisedTrainer,
  type SupervisedTrainerOptions,
  type TrainingParts,
} from "./supervisedTrainer";
export {
  type BatchSource,
  type EvaluationReport,
  type RunOptions,
  type StepReport,
  Trainer,
  type TrainerOptions,
  type TrainerProgress,
  type TrainerResult,
} from "./trainer";
export {
  type Batch,
  type CurvatureOptions,
  type Precision,
  type StepResult,
  type TrainStep,
  type TrainStepOptions,
  trainStep,
} from "./trainStep";
