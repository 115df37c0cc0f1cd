// Four matrices side by side in the vec4s of `work`. The including kernel declares x, log_rows, log_cols, work and
// params as transport/knopp does.

fn entry(at: u32) -> vec4f { return work[at]; }
fn keep_entry(at: u32, value: vec4f) { work[at] = value; }
fn turned(k: u32, first: u32, count: u32) -> u32 { return k; }

fn log_row_of(four: vec4<u32>, i: u32) -> vec4f {
  if (params.marginals == 0u) { return vec4f(params.log_row); }
  let at = four * params.rows + i;
  return vec4f(log_rows[at.x], log_rows[at.y], log_rows[at.z], log_rows[at.w]);
}

fn log_col_of(four: vec4<u32>, j: u32) -> vec4f {
  if (params.marginals == 0u) { return vec4f(params.log_col); }
  let at = four * params.cols + j;
  return vec4f(log_cols[at.x], log_cols[at.y], log_cols[at.z], log_cols[at.w]);
}

// Returns bits that turn all of a matrix to NaN where a logit is NaN or +Infinity, and 0 elsewhere.
fn take_logits(base: u32, four: vec4<u32>) -> vec4<u32> {
  var spoiled = vec4<u32>(0u);
  for (var i = 0u; i < params.rows; i++) {
    let log_row = log_row_of(four, i);
    for (var j = 0u; j < params.cols; j++) {
      let k = i * params.cols + j;
      let at = four * (params.rows * params.cols) + k;
      let logit = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
      let scaled = logit * params.scale;
      let bits = bitcast<vec4<u32>>(logit);
      let below = bits == vec4<u32>(MINUS_INFINITY);
      let beyond = ((bits & vec4<u32>(INFINITY)) == vec4<u32>(INFINITY)) & !below;
      spoiled |= select(vec4<u32>(0u), vec4<u32>(NOT_A_NUMBER), beyond);
      let forbidden = below | (scaled < vec4f(FORBIDDEN));
      let without = min(log_row, log_col_of(four, j)) < vec4f(0.5 * FORBIDDEN);
      work[base + k] = select(scaled, vec4f(FORBIDDEN), forbidden | without);
    }
  }
  return spoiled;
}

fn spoil(values: vec4f, spoiled: vec4<u32>) -> vec4f {
  return bitcast<vec4f>(bitcast<vec4<u32>>(values) | spoiled);
}
