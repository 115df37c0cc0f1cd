/** Exact transport on the line in f64: both sides in order, the smaller of the two leading masses moved each time. */

export interface LinePlan {
  readonly cost: number;
  /** [n, m]. */
  readonly plan: Float64Array;
}

export function transportOnLine(
  u: ArrayLike<number>,
  v: ArrayLike<number>,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  p: number,
): LinePlan {
  const order = (x: ArrayLike<number>): number[] =>
    Array.from(x, (_, i) => i).sort((i, j) => x[i]! - x[j]!);
  const [left, right] = [order(u), order(v)];
  const plan = new Float64Array(u.length * v.length);
  let [i, j, cost] = [0, 0, 0];
  let [restA, restB] = [a[left[0]!]!, b[right[0]!]!];
  while (i < left.length && j < right.length) {
    const moved = Math.min(restA, restB);
    cost += moved * Math.abs(u[left[i]!]! - v[right[j]!]!) ** p;
    plan[left[i]! * v.length + right[j]!] = moved + plan[left[i]! * v.length + right[j]!]!;
    restA -= moved;
    restB -= moved;
    if (restA <= restB) restA = a[left[++i]!] ?? 0;
    else restB = b[right[++j]!] ?? 0;
  }
  return { cost, plan };
}
