// Reports the first matrix of a batch whose info is not 0, with its info.
//
// shapes: info [batch] dense
// access: one invocation, in order, so that the report is the same on every run
#include "fault"

struct Params {
  batch: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> info: array<i32>;
@group(0) @binding(1) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  for (var i = 0u; i < params.batch; i++) {
    if (info[i] != 0) {
      report_fault(params.site, info[i], i);
      return;
    }
  }
}
