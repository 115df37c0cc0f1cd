// Stores x as element i of c, in the given column of its matrix. An epilogue takes the place of this function:
// see src/ops/epilogue.ts.
fn put(i: u32, column: u32, x: T) { c[i] = x; }
