// What the keys [rows, 2] draw for a dense array [rows, per_key], four neighbouring elements at a time.
// RAGGED: per_key is no multiple of 4 and there are several rows, so that the four may lie in two blocks
// or rows.
//
// The including kernel declares `override RAGGED: u32`, `keys: array<u32>`, `params` with stream,
// key_offset, rows and per_key (in elements if RAGGED, else in fours of them), and `of_block`, which makes
// four elements of a block of random words.
#include "philox"

fn row_block(row: u32, index: u32) -> vec4<u32> {
  let at = params.key_offset + 2u * row;
  let key = vec2<u32>(keys[at], keys[at + 1u]);
  return of_block(philox(key, vec4<u32>(index, 0u, DRAW, params.stream)));
}

// The elements 4 item to 4 item + 3.
fn drawn(item: u32) -> vec4<u32> {
  if (RAGGED == 0u) {
    let row = item / params.per_key;
    return row_block(row, item - row * params.per_key);
  }
  var row = 4u * item / params.per_key;
  var e = 4u * item - row * params.per_key;
  var words = row_block(row, e / 4u);
  var result = vec4<u32>(0u);
  for (var i = 0u; i < 4u; i++) {
    result[i] = words[e & 3u];
    e++;
    if (e == params.per_key) {
      e = 0u;
      row = min(row + 1u, params.rows - 1u);
    }
    if ((e & 3u) == 0u && i < 3u) { words = row_block(row, e / 4u); }
  }
  return result;
}
