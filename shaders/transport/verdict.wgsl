// Reports the first problem that is not done, with its marginal error.
//
// shapes: control [problems]: 1 where done, iterations, the marginal error, the mass
// access: one invocation, in order, so that the report is the same on every run
#include "fault"

struct Params {
  problems: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> control: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  for (var p = 0u; p < params.problems; p++) {
    if (control[p].x == 0.0) {
      report_fault(params.site, bitcast<i32>(control[p].z), p);
      return;
    }
  }
}
