// A team of TEAM invocations shares a block of ROWS rows, which share what is read of the columns. A team of 1 works
// through its block alone, without barriers, 64 rows to a workgroup. A larger team is a workgroup: its
// invocations share the columns, and sums and maxima go through a tree of fixed order, in uniform control flow:
// blocks beyond the last row are walked with no columns instead of returning early. The including kernel declares
//
//   const TEAM = 1u; // 1 | 64 | 256
//   const ROWS = 1u; // 1 | 4 | 8
//   const SUMS = ROWS; what a block adds up at once
const WIDTH = max(TEAM, 64u / ROWS);
const LOWEST = -0x1.fffffep+127f;

var<workgroup> parts: array<array<f32, SUMS>, TEAM>;

// Workgroups for all rows.
fn block_groups(rows: u32) -> u32 {
  let per_group = ROWS * select(1u, WIDTH, TEAM == 1u);
  return (rows + per_group - 1u) / per_group;
}

fn block_row(group: u32, local: u32) -> u32 {
  return select(group, group * WIDTH + local, TEAM == 1u) * ROWS;
}

fn block_lane(local: u32) -> u32 {
  return select(local, 0u, TEAM == 1u);
}

fn block_sum(own: array<f32, SUMS>, lane: u32) -> array<f32, SUMS> {
  if (TEAM == 1u) { return own; }
  workgroupBarrier();
  parts[lane] = own;
  workgroupBarrier();
  for (var half = TEAM / 2u; half > 0u; half >>= 1u) {
    if (lane < half) {
      for (var k = 0u; k < SUMS; k++) { parts[lane][k] += parts[lane + half][k]; }
    }
    workgroupBarrier();
  }
  return parts[0];
}

fn block_max(own: array<f32, SUMS>, lane: u32) -> array<f32, SUMS> {
  if (TEAM == 1u) { return own; }
  workgroupBarrier();
  parts[lane] = own;
  workgroupBarrier();
  for (var half = TEAM / 2u; half > 0u; half >>= 1u) {
    if (lane < half) {
      for (var k = 0u; k < SUMS; k++) { parts[lane][k] = max(parts[lane][k], parts[lane + half][k]); }
    }
    workgroupBarrier();
  }
  return parts[0];
}
