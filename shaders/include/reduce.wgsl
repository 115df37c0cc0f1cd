// What is stored of a reduction's result: `scale` is 1 / n for a mean; integers are stored as they are.
fn finish(a: f32, scale: f32) -> f32 { return a * scale; }
fn finish_i32(a: i32, scale: f32) -> i32 { return a; }
fn finish_u32(a: u32, scale: f32) -> u32 { return a; }
