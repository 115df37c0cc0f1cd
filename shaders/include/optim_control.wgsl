// What one optimizer step decided on the device, for its update and for whoever reads it.
struct StepControl {
  // The update multiplies gradients by this: 1 / gradient scale / loss scale, times the clip factor.
  factor: f32,
  // 1 if this step changes nothing, because a gradient is NaN or infinite.
  skip: u32,
  // The bits of the global norm before clipping, an f32 that may be NaN or infinite.
  gradient_norm: u32,
  clip_factor: f32,
  // Steps skipped, and updates applied, since the optimizer was made.
  skipped: u32,
  applied: u32,
  // What the loss was multiplied by besides; 1 without a scaler.
  loss_scale: f32,
  // Steps applied since the loss scale changed, or a step was skipped.
  streak: u32,
  // The rule's scalars for this update.
  scalars: vec4<f32>,
}
