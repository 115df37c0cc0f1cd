// The choice between two values, for expressions: apart from the functions of one type, because the condition is
// a u32 whatever the values are.
fn op_where(condition: u32, a: f32, b: f32) -> f32 { return select(b, a, condition != 0u); }
fn op_where_i32(condition: u32, a: i32, b: i32) -> i32 { return select(b, a, condition != 0u); }
fn op_where_u32(condition: u32, a: u32, b: u32) -> u32 { return select(b, a, condition != 0u); }
