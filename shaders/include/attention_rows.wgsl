// What the attention kernels share. A layout is (base, batch,
// head, row): row r of head h of batch b starts at base + b * batch + h * head + r * row, all in vec4s. A
// pair is b * heads + h. The including kernel declares `override CAUSAL`.
const LOWEST = -0x1.fffffep+127f;

fn head_start(lies: vec4<u32>, pair: u32, heads: u32) -> u32 {
  return lies.x + (pair / heads) * lies.y + (pair % heads) * lies.z;
}

// Keys that query row `row` sees: all, or those up to its own position.
fn visible_keys(row: u32, keys: u32) -> u32 {
  return select(keys, min(row + 1u, keys), CAUSAL == 1u);
}
