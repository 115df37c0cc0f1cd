// A team of TEAM invocations shares one row. A team of 1 works through its row alone, 64 rows to a
// workgroup, without barriers: on CPUs a barrier costs more than the row. A larger team is one workgroup
// and reduces by a tree of fixed order. The including kernel declares `const TEAM = 1u; // 1 | 64 | 256`,
// walks `for (var c = lane; c < end; c += TEAM)`, and calls the reductions in uniform control flow: rows
// beyond the last are walked with `end` 0 instead of returning early.
const GROUP = max(TEAM, 64u);
const LOWEST = -0x1.fffffep+127f;

var<workgroup> partials: array<f32, TEAM>;

fn team_row(group: u32, local: u32) -> u32 {
  return select(group, group * GROUP + local, TEAM == 1u);
}

fn team_lane(local: u32) -> u32 {
  return select(local, 0u, TEAM == 1u);
}

fn team_sum(own: f32, lane: u32) -> f32 {
  if (TEAM == 1u) { return own; }
  workgroupBarrier();
  partials[lane] = own;
  workgroupBarrier();
  for (var half = TEAM / 2u; half > 0u; half >>= 1u) {
    if (lane < half) { partials[lane] += partials[lane + half]; }
    workgroupBarrier();
  }
  return partials[0];
}

fn team_max(own: f32, lane: u32) -> f32 {
  if (TEAM == 1u) { return own; }
  workgroupBarrier();
  partials[lane] = own;
  workgroupBarrier();
  for (var half = TEAM / 2u; half > 0u; half >>= 1u) {
    if (lane < half) { partials[lane] = max(partials[lane], partials[lane + half]); }
    workgroupBarrier();
  }
  return partials[0];
}
