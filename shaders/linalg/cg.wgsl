// One iteration of conjugate gradients for A x = b, from q = A p, with a preconditioner M near the inverse of A:
//   alpha = r.z / p.q,  x += alpha p,  r -= alpha q,  z = M r,  beta = r.z / (r.z before),  p = z + beta p
//
// By rounding, this r drifts from b - A x. Where it is small enough, x takes the place of p, so that the next q is A x
// and r = b - q is computed anew. If that is small enough, x is the solution; else the iteration starts again there,
// unless r has not halved since it was last computed anew: then rounding is all that is left. A curvature p.q or a
// product r.z that is not positive, or not finite, stops a problem before x is changed; so does, with a diagonal, a
// curvature that the rounding of q could make: of a singular A, a step along what it takes to 0 would have any length.
//
// control [problems, 2] vec4s: (state, iterations, r.z, |r|), (bound on |r|, |r| as last computed anew, |b|, 0)
//
// PART: 0 all of it, with M a diagonal or, for DIAGONAL 0, the identity; 1 up to r; 2 the rest, where m holds z = M r.
//
// shapes: p, q, x, r, b, m [problems, cols] dense; cols counts Vs
// access: one team per problem, three passes
// source: Hestenes, Stiefel 1952; van der Vorst, Ye, Residual replacement strategies for Krylov subspace iterative
//   methods, 2000
#include "bits"
#include "grid"
#include "lanes"
#include "team"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256
const PART = 0u; // 0 | 1 | 2
const DIAGONAL = 1u; // 0 | 1

struct Params {
  problems: u32,
  cols: u32,
  // 0: go on. 1: begin at x = 0, whatever q holds. 2: begin at the x that is there, with q = A x.
  start: u32,
  // 1: compute r anew rather than iterate on.
  last: u32,
  tolerance: f32,
  absolute: f32,
}

@group(0) @binding(0) var<storage, read_write> p: array<V>;
@group(0) @binding(1) var<storage, read> q: array<V>;
@group(0) @binding(2) var<storage, read_write> x: array<V>;
@group(0) @binding(3) var<storage, read_write> r: array<V>;
@group(0) @binding(4) var<storage, read> b: array<V>;
@group(0) @binding(5) var<storage, read> m: array<V>;
@group(0) @binding(6) var<storage, read_write> control: array<vec4<f32>>;
@group(0) @binding(7) var<uniform> params: Params;

// States of a problem. q = A x: r is to be computed anew.
const EVALUATE = 0.0;
// q = A p.
const ITERATE = 1.0;
const SOLVED = 2.0;
const STOPPED = 3.0;

// Of a product with A, relative to what the diagonal makes of the same vector.
fn rounding() -> f32 { return 2e-7; }

fn is_positive(value: f32) -> bool {
  return value > 0.0 && is_finite(value);
}

fn preconditioned(at: u32) -> V {
  if (PART == 2u) { return m[at]; }
  if (DIAGONAL == 1u) { return m[at] * r[at]; }
  return r[at];
}

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let problem = team_row(linear_group(id, groups), local);
  let lane = team_lane(local);
  let base = problem * params.cols;
  let known = problem < params.problems;
  var now = vec4f(STOPPED, 0.0, 0.0, 0.0);
  var bounds = vec4f();
  if (known) {
    now = control[2u * problem];
    bounds = control[2u * problem + 1u];
    if (PART != 2u && params.start != 0u) { now = vec4f(EVALUATE, 0.0, 0.0, 0.0); }
  }
  let going = now.x < SOLVED;
  var end = select(0u, params.cols, going);
  var total = 0.0;

  if (PART != 2u) {
    let fresh = now.x == EVALUATE;
    var products = V(0.0);
    let along = select(end, 0u, fresh);
    var weights = V(0.0);
    for (var c = lane; c < along; c += TEAM) {
      let direction = p[base + c];
      products += direction * q[base + c];
      if (DIAGONAL == 1u) { weights += direction * direction / max(m[base + c], V(1e-30)); }
    }
    let curvature = team_sum(sum_lanes(products), lane);
    var least = 0.0;
    if (DIAGONAL == 1u) { least = rounding() * team_sum(sum_lanes(weights), lane); }
    var alpha = 0.0;
    if (!fresh && going) {
      alpha = now.z / select(1.0, curvature, is_positive(curvature));
      if (!is_positive(curvature) || curvature < least || !is_finite(alpha)) {
        now.x = STOPPED;
        end = 0u;
      }
    }

    var squares = V(0.0);
    var right = V(0.0);
    products = V(0.0);
    for (var c = lane; c < end; c += TEAM) {
      let at = base + c;
      if (fresh) {
        right += b[at] * b[at];
        if (params.start == 1u) {
          x[at] = V(0.0);
          r[at] = b[at];
        } else {
          r[at] = b[at] - q[at];
        }
      } else {
        x[at] += alpha * p[at];
        r[at] -= alpha * q[at];
      }
      squares += r[at] * r[at];
      if (PART == 0u) { products += r[at] * preconditioned(at); }
    }
    let square = team_sum(sum_lanes(squares), lane);
    if (PART == 0u) { total = team_sum(sum_lanes(products), lane); }
    if (params.start != 0u) {
      let size = sqrt(team_sum(sum_lanes(right), lane));
      bounds = vec4f(max(params.tolerance * size, params.absolute), size, size, 0.0);
    }

    if (end > 0u) {
      let residual = sqrt(square);
      if (!is_finite(square)) {
        now.x = STOPPED;
      } else if (fresh) {
        let halved = params.start != 0u || residual <= 0.5 * bounds.y;
        if (residual <= bounds.x) {
          now.x = SOLVED;
        } else if (!halved || params.last == 1u) {
          now.x = STOPPED;
        } else {
          now.x = ITERATE;
        }
        now.z = 0.0;
        bounds.y = residual;
      } else {
        now.y += 1.0;
        if (residual <= bounds.x || params.last == 1u) { now.x = EVALUATE; }
      }
      now.w = residual;
    }
    if (now.x >= SOLVED) { end = 0u; }
  } else {
    var products = V(0.0);
    for (var c = lane; c < end; c += TEAM) { products += r[base + c] * m[base + c]; }
    total = team_sum(sum_lanes(products), lane);
  }

  if (PART != 1u) {
    var beta = 0.0;
    if (now.x == ITERATE) {
      if (now.z > 0.0) { beta = total / now.z; }
      if (!is_positive(total) || !is_finite(beta)) {
        now.x = STOPPED;
        end = 0u;
      }
      now.z = total;
    }
    for (var c = lane; c < end; c += TEAM) {
      let at = base + c;
      if (now.x == EVALUATE) {
        p[at] = x[at];
      } else if (beta > 0.0) {
        p[at] = preconditioned(at) + beta * p[at];
      } else {
        p[at] = preconditioned(at);
      }
    }
  }

  if (going && lane == 0u) {
    control[2u * problem] = now;
    control[2u * problem + 1u] = bounds;
  }
}
