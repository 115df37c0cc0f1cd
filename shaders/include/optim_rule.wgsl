// What an update rule is given, and gives back: four neighbouring elements at a time, component by
// component. A rule is one function
//
//   fn rule_name(e: Elements, g: vec4<f32>, s: Scalars) -> Elements
//
// It never sees clipping, weight decay, storage formats or groups: the template that calls it has already
// applied them. States a rule does not have are zero, and what it puts there is dropped.
struct Elements {
  parameter: vec4<f32>,
  first: vec4<f32>,
  second: vec4<f32>,
}

struct Scalars {
  // Learning rate of the parameter group, at this step.
  lr: f32,
  // Hyper-parameters 0 to 3 and 4 to 7 of the rule's row in src/optim/rules.ts.
  constants: vec4<f32>,
  more: vec4<f32>,
  // What the row computes from the number of updates applied, such as bias corrections.
  step: vec4<f32>,
}
