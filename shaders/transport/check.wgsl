// Decides on the device whether a problem is done: the marginal error is the sum over its rows of what the last
// step changed of their mass, relative to their mass. A change below 0 is one of a row or column that has mass and no
// way for it, and is reported.
//
// shapes: account, pairs of log2 a and that change [problems, pad]; other, of the other side [problems, other_pad]; control [problems]: 1 where done, iterations, the error, the mass
// access: one team per problem, sums in fixed order
#include "grid"
#include "fault"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  problems: u32,
  rows: u32,
  pad: u32,
  iteration: u32,
  tolerance: f32,
  // Where a problem that left the finite numbers is reported.
  site: u32,
  // Where a row without a way is, and one of the other side.
  stuck: u32,
  other_stuck: u32,
  other_pad: u32,
}

@group(0) @binding(0) var<storage, read> account: array<vec2f>;
@group(0) @binding(1) var<storage, read> other: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> control: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let problem = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let end = select(0u, params.rows, problem < params.problems);
  let at = problem * params.pad;
  // Sums of 64 and then of those: what 16,384 additions in a row would round away is more than the tolerance.
  var error = 0.0;
  var mass = 0.0;
  for (var i = lane; i < end; i += 64u * TEAM) {
    var near = vec2f(0.0);
    for (var k = i; k < min(i + 64u * TEAM, end); k += TEAM) {
      let entry = account[at + k];
      near += vec2f(abs(entry.y), exp2(entry.x));
      if (entry.y < 0.0) { report_fault(params.stuck, i32(k), problem); }
    }
    error += near.x;
    mass += near.y;
  }
  let others = select(0u, params.other_pad, problem < params.problems);
  for (var j = lane; j < others; j += TEAM) {
    if (other[problem * params.other_pad + j].y < 0.0) { report_fault(params.other_stuck, i32(j), problem); }
  }
  error = team_sum(error, lane);
  mass = team_sum(mass, lane);
  if (problem >= params.problems || lane > 0u) { return; }
  if (control[problem].x != 0.0) { return; }
  let relative = error / max(mass, 1e-30);
  // By its bits: NaN or infinite.
  if ((bitcast<u32>(relative) & 0x7f800000u) == 0x7f800000u) { report_fault(params.site, 0, problem); }
  let done = select(0.0, 1.0, relative <= params.tolerance);
  control[problem] = vec4f(done, f32(params.iteration), relative, mass);
}
