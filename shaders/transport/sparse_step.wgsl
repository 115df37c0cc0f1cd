// One step of L-BFGS on the concave semi-dual D(f) = <a, f> - gamma sum_j conjugate_j, of which the last two dispatches
// found the conjugates and s, the sums of the rows, at the f that is tried: its slope is a - s. Decided here: whether
// that f is taken, the next direction and step length, and whether the problem is over.
//
// A step t along d is too long if D falls there, <a - s, d> < -0.5 slope, and has not clearly risen over it; too short
// if <a - s, d> > 0.9 slope. The first condition is on slopes, because near the maximum values differ by rounding
// alone, and lets a step end behind a kink. Steps grow until one is too long, then are halved.
// D has a kink where two scores of a column compete for its last nonzero: where no step is taken any more, memory is
// dropped, and then the problem has stalled.
//
// work, per problem: 32 numbers (state, value, slope, t, too short, too long or 0, tries, pairs, newest pair,
//   evaluations, marginal error relative to the mass, scale of the newest pair, ..., and from 16 on 1 / <s, y> of each
//   pair), then vectors of `pad` elements: the f that is tried, f, its a - s, d, MEMORY differences of f, and of slopes
// shapes: a [problems, rows]; conjugates [problems, cols]; s [problems, pad]; work [problems, stride]
// access: one team per problem, sums in fixed order
// source: Nocedal, Wright, Numerical Optimization, 2006, algorithm 7.4; Lewis, Overton, Nonsmooth optimization via
//   quasi-Newton methods, 2013, for the search; Hager, Zhang 2005 for conditions on slopes
#include "bits"
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  problems: u32,
  rows: u32,
  pad: u32,
  cols: u32,
  stride: u32,
  gamma: f32,
  // Of a step along the slope itself.
  first: f32,
  tolerance: f32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> conjugates: array<f32>;
@group(0) @binding(2) var<storage, read> s: array<f32>;
@group(0) @binding(3) var<storage, read_write> work: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

const MEMORY = 10u; // 1 | 10
const SCALARS = 32u;
const TRIES = 30u;

const BEGIN: f32 = 0.0;
const SEARCH: f32 = 1.0;
const CONVERGED: f32 = 2.0;
const STALLED: f32 = 3.0;

fn wait() {
  if (TEAM > 1u) { storageBarrier(); }
}

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let problem = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let known = problem < params.problems;
  let base = min(problem, params.problems - 1u) * params.stride;
  let tried = base + SCALARS;
  let taken = tried + params.pad;
  let slopes = taken + params.pad;
  let along = slopes + params.pad;
  let moves = along + params.pad;
  let turns = moves + MEMORY * params.pad;
  var state = work[base];
  let before = work[base + 1u];
  var slope = work[base + 2u];
  var t = work[base + 3u];
  var short = work[base + 4u];
  var long = work[base + 5u];
  var tries = work[base + 6u];
  var pairs = u32(work[base + 7u]);
  var newest = u32(work[base + 8u]);
  let evaluations = work[base + 9u] + 1.0;
  var error = work[base + 10u];
  var scale = work[base + 11u];
  let going = known && state < CONVERGED;
  let end = select(0u, params.rows, going);
  let cols = select(0u, params.cols, going);

  // The value and the slope at the f that is tried; sums of 64 and then of those.
  var conjugate = 0.0;
  for (var j = lane; j < cols; j += 64u * TEAM) {
    var near = 0.0;
    for (var k = j; k < min(j + 64u * TEAM, cols); k += TEAM) {
      near += conjugates[problem * params.cols + k];
    }
    conjugate += near;
  }
  conjugate = team_sum(conjugate, lane);
  var weighed = 0.0;
  var size = 0.0;
  var mass = 0.0;
  var off = 0.0;
  var rise = 0.0;
  for (var i = lane; i < end; i += TEAM) {
    let weight = a[problem * params.rows + i];
    let x = work[tried + i];
    let g = weight - s[problem * params.pad + i];
    weighed += weight * x;
    size += weight * abs(x);
    mass += weight;
    off += abs(g);
    rise += g * work[along + i];
  }
  weighed = team_sum(weighed, lane);
  size = team_sum(size, lane);
  mass = team_sum(mass, lane);
  off = team_sum(off, lane);
  rise = team_sum(rise, lane);
  let value = weighed - params.gamma * conjugate;
  let relative = off / max(mass, 1e-30);
  let finite = is_finite(value) && is_finite(off);
  let done = going && finite && relative <= params.tolerance;
  let clear = value >= before + max(1e-4 * t * slope, 1e-6 * (size + abs(value)));
  let too_long = !finite || (rise < -0.5 * slope && !clear);
  let too_short = rise > 0.9 * slope;
  let begins = state == BEGIN;
  let takes = going && finite && (begins || done || !(too_long || too_short));

  // The pair of differences, if it can be used.
  let taking = select(0u, end, takes);
  var curve = 0.0;
  var bend = 0.0;
  for (var i = lane; i < taking; i += TEAM) {
    let turn = work[slopes + i] - (a[problem * params.rows + i] - s[problem * params.pad + i]);
    curve += (work[tried + i] - work[taken + i]) * turn;
    bend += turn * turn;
  }
  curve = team_sum(curve, lane);
  bend = team_sum(bend, lane);
  let pairing = takes && !begins && curve > 0.0 && bend > 0.0 && is_finite(1.0 / curve);
  let reciprocal = 1.0 / select(1.0, curve, pairing);
  if (pairing) {
    newest = select((newest + 1u) % MEMORY, 0u, pairs == 0u);
    pairs = min(pairs + 1u, MEMORY);
    scale = curve * (1.0 / bend);
  }
  for (var i = lane; i < taking; i += TEAM) {
    let g = a[problem * params.rows + i] - s[problem * params.pad + i];
    if (pairing) {
      work[moves + newest * params.pad + i] = work[tried + i] - work[taken + i];
      work[turns + newest * params.pad + i] = work[slopes + i] - g;
    }
    work[taken + i] = work[tried + i];
    work[slopes + i] = g;
    work[along + i] = g;
  }

  // d = H (a - s) by the two loops of L-BFGS, for those that take.
  var shares: array<f32, MEMORY>;
  for (var k = 0u; k < MEMORY; k++) {
    let slot = (newest + MEMORY - k) % MEMORY;
    let used = select(0u, taking, k < pairs);
    var dots = 0.0;
    for (var i = lane; i < used; i += TEAM) {
      dots += work[moves + slot * params.pad + i] * work[along + i];
    }
    dots = team_sum(dots, lane);
    shares[k] = dots * select(work[base + 16u + slot], reciprocal, k == 0u && pairing);
    for (var i = lane; i < used; i += TEAM) {
      work[along + i] -= shares[k] * work[turns + slot * params.pad + i];
    }
  }
  let unit = select(scale, params.first, pairs == 0u);
  for (var i = lane; i < taking; i += TEAM) { work[along + i] *= unit; }
  for (var back = 0u; back < MEMORY; back++) {
    let k = MEMORY - 1u - back;
    let slot = (newest + MEMORY - k) % MEMORY;
    let used = select(0u, taking, k < pairs);
    var dots = 0.0;
    for (var i = lane; i < used; i += TEAM) {
      dots += work[turns + slot * params.pad + i] * work[along + i];
    }
    dots = team_sum(dots, lane);
    let share = dots * select(work[base + 16u + slot], reciprocal, k == 0u && pairing);
    for (var i = lane; i < used; i += TEAM) {
      work[along + i] += (shares[k] - share) * work[moves + slot * params.pad + i];
    }
  }
  var climb = 0.0;
  for (var i = lane; i < taking; i += TEAM) { climb += work[slopes + i] * work[along + i]; }
  climb = team_sum(climb, lane);
  var taken_square = 0.0;
  for (var i = lane; i < end; i += TEAM) { taken_square += work[slopes + i] * work[slopes + i]; }
  taken_square = team_sum(taken_square, lane);
  wait();

  // What comes next.
  var restarts = false;
  if (takes) {
    state = select(SEARCH, CONVERGED, done);
    error = relative;
    slope = climb;
    restarts = !(climb > 0.0 && is_finite(climb));
    t = 1.0;
    short = 0.0;
    long = 0.0;
    tries = 0.0;
  } else if (going) {
    tries += 1.0;
    if (too_long) { long = t; } else { short = t; }
    let growth = select(2.0, 4.0, pairs == 0u);
    t = select(t * growth, 0.5 * (short + long), long > 0.0);
    if (tries >= f32(TRIES) || !is_finite(t)) {
      if (pairs > 0u && !begins) { restarts = true; } else { state = STALLED; }
    }
  }
  if (restarts) {
    pairs = 0u;
    slope = params.first * taken_square;
    t = 1.0;
    short = 0.0;
    long = 0.0;
    tries = 0.0;
  }
  for (var i = lane; i < end; i += TEAM) {
    if (restarts) { work[along + i] = params.first * work[slopes + i]; }
    if (state == SEARCH) { work[tried + i] = work[taken + i] + t * work[along + i]; }
  }
  if (!going || lane > 0u) { return; }
  work[base] = state;
  if (takes) { work[base + 1u] = value; }
  work[base + 2u] = slope;
  work[base + 3u] = t;
  work[base + 4u] = short;
  work[base + 5u] = long;
  work[base + 6u] = tries;
  work[base + 7u] = f32(pairs);
  work[base + 8u] = f32(newest);
  work[base + 9u] = evaluations;
  work[base + 10u] = error;
  work[base + 11u] = scale;
  if (pairing) { work[base + 16u + newest] = reciprocal; }
}
