/** Kernels cut at barriers: what lives across them, and the control flow around them. */
import { describe, expect, test } from "vitest";
import { outputs } from "./runText";

const lanes = Array.from({ length: 4 }, (_, i) => i);
const head = `@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u)`;
const barrier = "workgroupBarrier();";

/** What four invocations write, each to its place; n is 0, but not a constant. */
const four = (body: string, module = "", words = 4): Promise<number[]> =>
  outputs(`${module}\n${head} {\nlet n = grid.x - 1u;\n${body}\n}`, words);

describe("across a barrier", () => {
  test("lets keep their values", async () => {
    expect(
      await four(
        `let x = lane * 3u; let u = 7u; ${barrier} let y = x + u; ${barrier} out[lane] = y + x;`,
      ),
    ).toEqual(lanes.map((l) => 6 * l + 7));
  });

  test("vars keep their values, and are zero where nothing assigned them", async () => {
    expect(
      await four(
        `var x = lane; var z: u32; ${barrier} x += 5u; ${barrier} out[lane] = x * 10u + z;`,
      ),
    ).toEqual(lanes.map((l) => (l + 5) * 10));
  });

  test("vectors, matrices, bools, structs and arrays keep their values", async () => {
    expect(
      await four(
        `var v = vec3u(lane, 2u, 3u);
        var m = mat2x3f(f32(lane), 1, 2, 3, 4, 5);
        var b = vec2<bool>(lane > 1u, lane == 0u);
        var s = S(lane, vec2u(lane + 1u, 9u), array<u32, 3>(4u, lane, 6u));
        ${barrier}
        v.y += lane; m[1].z += 1.0; b.x = !b.x; s.a[1] += s.v.x;
        ${barrier}
        out[lane] = v.x + v.y * 10u + u32(m[0].x + m[1].z) * 100u + u32(b.x) * 10000u
          + u32(b.y) * 100000u + s.a[1] * 1000000u + s.n * 100000000u;`,
        "struct S { n: u32, v: vec2u, a: array<u32, 3> }",
      ),
    ).toEqual(
      lanes.map(
        (l) =>
          l +
          (2 + l) * 10 +
          (l + 6) * 100 +
          (l > 1 ? 0 : 10000) +
          (l === 0 ? 100000 : 0) +
          (2 * l + 1) * 1000000 +
          l * 100000000,
      ),
    );
  });

  test("arrays in memory keep their values, and are zeroed on every round", async () => {
    expect(
      await four(
        `var sum = 0u;
        for (var i = 0u; i < 3u; i++) {
          var t: array<u32, 5>;
          t[(lane + i) % 5u] += lane + 1u;
          ${barrier}
          t[i] += 10u;
          for (var k = 0u; k < 5u; k++) { sum += t[(k + lane) % 5u] * (k + 1u); }
        }
        out[lane] = sum;`,
      ),
    ).toEqual(
      lanes.map((l) => {
        let sum = 0;
        for (let i = 0; i < 3; i++) {
          const t = [0, 0, 0, 0, 0];
          t[(l + i) % 5]! += l + 1;
          t[i]! += 10;
          for (let k = 0; k < 5; k++) sum += t[(k + l) % 5]! * (k + 1);
        }
        return sum;
      }),
    );
  });

  test("a let of a large array made from another keeps its value", async () => {
    expect(
      await four(
        `var t: array<u32, 100>;
        for (var i = 0u; i < 100u; i++) { t[i] = i * (lane + 1u); }
        let a = t;
        ${barrier}
        let b = a;
        ${barrier}
        t[7] = 0u;
        out[lane] = b[lane + 50u] + a[7];`,
      ),
    ).toEqual(lanes.map((l) => (l + 50) * (l + 1) + 7 * (l + 1)));
  });

  test("a let of a row of memory that nothing writes keeps its value", async () => {
    const table = Uint32Array.from({ length: 400 }, (_, i) => i);
    expect(
      await outputs(
        `@group(0) @binding(1) var<storage> table: array<array<u32, 100>>;
        ${head} { let row = table[3u - lane]; ${barrier} out[lane] = row[lane * 2u]; }`,
        4,
        { with: { table } },
      ),
    ).toEqual(lanes.map((l) => (3 - l) * 100 + 2 * l));
  });

  test("private variables differ between invocations, also through functions", async () => {
    expect(
      await four(
        `calls += lane; bump(); ${barrier} bump(); out[lane] = calls; `,
        "var<private> calls: u32 = 3u; fn bump() { calls = calls * 2u + 1u; }",
      ),
    ).toEqual(lanes.map((l) => ((3 + l) * 2 + 1) * 2 + 1));
  });

  test("a pointer still points to its variable, though only it is used", async () => {
    expect(
      await four(`var x = lane; let p = &x; ${barrier} *p += 2u; ${barrier} out[lane] = *p;`),
    ).toEqual(lanes.map((l) => l + 2));
  });

  test("a pointer keeps the index it was made with", async () => {
    expect(
      await four(
        `var t: array<u32, 4>; var i = lane; let p = &t[i]; i = 0u;
        ${barrier} *p = 5u + lane; ${barrier}
        out[lane] = t[0] + t[1] * 10u + t[2] * 100u + t[3] * 1000u;`,
      ),
    ).toEqual(lanes.map((l) => (5 + l) * 10 ** l));
  });

  test("a pointer made from a pointer and a let keeps pointing", async () => {
    expect(
      await four(
        `var t: array<vec2u, 4>; let k = 3u - lane; let p = &t; let q = &(*p)[k];
        ${barrier} (*q).y = lane + 1u; ${barrier} out[lane] = t[3u - lane].y;`,
      ),
    ).toEqual(lanes.map((l) => l + 1));
  });

  test("a uniform variable is one for all, and one that differs later is not", async () => {
    expect(
      await four(
        `var u = 1u; var w = 1u;
        for (var i = 0u; i < 3u; i++) { u *= 2u; w += u; ${barrier} if (i == lane) { w = 100u; } }
        out[lane] = u * 1000u + w;`,
      ),
    ).toEqual(
      lanes.map((l) => {
        let [u, w] = [1, 1];
        for (let i = 0; i < 3; i++) {
          u *= 2;
          w += u;
          if (i === l) w = 100;
        }
        return u * 1000 + w;
      }),
    );
  });

  test("writes to workgroup memory are seen by all", async () => {
    expect(
      await four(
        `tile[lane] = lane * lane; ${barrier} let x = tile[3u - lane]; ${barrier} tile[lane] = x + 1u;
        ${barrier} out[lane] = tile[(lane + 1u) % 4u];`,
        "var<workgroup> tile: array<u32, 4>;",
      ),
    ).toEqual(lanes.map((l) => (3 - ((l + 1) % 4)) ** 2 + 1));
  });

  test("workgroup memory starts with zeros in every workgroup", async () => {
    expect(
      await outputs(
        `var<workgroup> tile: array<u32, 5>;
        ${head} { let x = tile[lane]; ${barrier} tile[lane] = 7u; ${barrier} out[group.x * 4u + lane] = x + tile[4]; }`,
        12,
        { grid: [3, 1, 1] },
      ),
    ).toEqual(new Array(12).fill(0));
  });
});

describe("control flow around barriers", () => {
  test("a barrier may stand in loops, ifs and switches that nest", async () => {
    expect(
      await four(
        `var x = lane;
        for (var i = 0u; i < 4u; i++) {
          if (i % 2u == 1u) { tile[lane] = x; ${barrier} x += tile[(lane + 1u) % 4u]; ${barrier} }
          else { switch (i) { case 2u: { tile[lane] = x; ${barrier} x = tile[3u - lane]; ${barrier} } default: { x *= 3u; } } }
        }
        out[lane] = x;`,
        "var<workgroup> tile: array<u32, 4>;",
      ),
    ).toEqual(
      (() => {
        let x = [...lanes];
        for (let i = 0; i < 4; i++) {
          const t = [...x];
          if (i % 2 === 1) x = x.map((v, l) => v + t[(l + 1) % 4]!);
          else x = i === 2 ? x.map((_, l) => t[3 - l]!) : x.map((v) => v * 3);
        }
        return x;
      })(),
    );
  });

  test("break, continue, continuing and break-if go their ways", async () => {
    expect(
      await four(
        `var x = lane; var i = 0u;
        loop {
          if (i == 2u) { i += 5u; continue; }
          ${barrier}
          x += i;
          if (i > 8u) { break; }
          continuing { ${barrier} i++; x += 100u; break if i > 20u; }
        }
        out[lane] = x;`,
      ),
    ).toEqual(
      lanes.map((l) => {
        let [x, i] = [l, 0];
        for (;;) {
          if (i === 2) i += 5;
          else {
            x += i;
            if (i > 8) break;
          }
          i++;
          x += 100;
          if (i > 20) break;
        }
        return x;
      }),
    );
  });

  test("continuing and break-if see what the body declares", async () => {
    expect(
      await four(
        `tile[lane] = lane + 1u; var x = lane; var i = 0u;
        loop {
          let step = i + 1u; var mine = lane + i; let same = i;
          ${barrier}
          mine += 1u;
          var late: u32; late += tile[lane]; let p = &tile[late % 4u];
          if (i == 1u) { continue; }
          x += 10u;
          continuing { ${barrier} x += mine + late + *p; i += step; break if same > 2u; }
        }
        out[lane] = x;`,
        "var<workgroup> tile: array<u32, 4>;",
      ),
    ).toEqual(
      lanes.map((l) => {
        let [x, i] = [l, 0];
        for (;;) {
          const [step, mine, same] = [i + 1, l + i + 1, i];
          if (i !== 1) x += 10;
          x += mine + l + 1 + ((l + 1) % 4) + 1;
          i += step;
          if (same > 2) break;
        }
        return x;
      }),
    );
  });

  test("a break in a switch leaves the switch only, also behind the last barrier", async () => {
    expect(
      await four(
        `switch (n) {
          case 0u: { tile[lane] = lane; ${barrier} out[lane] = tile[3u - lane]; if (lane == 2u) { break; } out[lane] += 10u; break; }
          default: { out[lane] = 99u; }
        }
        out[lane] += 100u;`,
        "var<workgroup> tile: array<u32, 4>;",
      ),
    ).toEqual([113, 112, 101, 110]);
  });

  test("a uniform return before a barrier ends the kernel", async () => {
    const text = `${head} { if (group.x == 1u) { return; } ${barrier} out[group.x * 4u + lane] = lane + 1u; }`;
    expect(await outputs(text, 12, { grid: [3, 1, 1] })).toEqual([
      1, 2, 3, 4, 0, 0, 0, 0, 1, 2, 3, 4,
    ]);
  });

  test("a return of some invocations behind the last barrier ends them alone", async () => {
    expect(
      await four(`out[lane] = 1u; ${barrier} if (lane > 1u) { return; } out[lane] += 5u;`),
    ).toEqual([6, 6, 1, 1]);
  });

  test("a return or break of some invocations ends what follows further out for them", async () => {
    expect(
      await four(
        `if (n == 0u) { ${barrier} if (lane > 2u) { return; } out[lane] += 1u; }
        out[lane] += 10u;
        if (lane == 1u) { return; }
        out[lane] += 20u;`,
      ),
    ).toEqual([31, 11, 31, 0]);
    expect(
      await four(
        `switch (n) { default: { if (n == 0u) { ${barrier} if (lane > 2u) { break; } if (lane == 0u) { return; } } out[lane] += 1u; } }
        out[lane] += 10u;`,
      ),
    ).toEqual([0, 11, 11, 10]);
  });

  test("a return under a condition that needs a barrier ends what follows", async () => {
    expect(
      await four(
        "out[lane] = 1u; if (probe(lane)) { return; } let x = lane; out[lane] += x * 10u + pick(lane); ",
        `fn probe(lane: u32) -> bool { ${barrier} return lane % 2u == 1u; }
        fn pick(x: u32) -> u32 { if (x > 1u) { return 5u; } return 6u; }`,
      ),
    ).toEqual([7, 1, 26, 1]);
  });

  test("a return of some invocations in a function ends it for them alone", async () => {
    expect(
      await four(
        `let x = exchange(lane); let y = exchange(x); ${barrier} out[lane] = x * 100u + y;`,
        `var<workgroup> tile: array<u32, 4>;
        fn exchange(x: u32) -> u32 {
          ${barrier} tile[x % 4u] = x; ${barrier}
          if (x == 1u) { return 50u; }
          for (var i = 0u; i < 9u; i++) { if (i == x) { return tile[3u - x % 4u] + i; } }
          return 7u;
        }`,
      ),
    ).toEqual(
      [303, 5007, 307, 303].map((_, l) => {
        const f = (x: number) => (x === 1 ? 50 : x < 9 ? 3 - (x % 4) + x : 7);
        return f(l) * 100 + (l === 1 ? 7 : f(f(l)));
      }),
    );
  });

  test("a uniform return inside a loop of a function ends the function", async () => {
    expect(
      await four(
        `out[lane] = find(lane, 2u) * 100u + find(lane, 9u);`,
        `fn find(x: u32, stop: u32) -> u32 {
          var sum = x;
          for (var i = 0u; i < 4u; i++) { ${barrier} if (i == stop) { return sum + 50u; } sum += i; }
          ${barrier}
          return sum;
        }`,
      ),
    ).toEqual(lanes.map((l) => (l + 51) * 100 + l + 6));
  });

  test("a condition that is uniform though it does not show decides for all", async () => {
    expect(
      await four(
        `flag = 3u; ${barrier}
        var k = 0u;
        while (k < workgroupUniformLoad(&flag)) { k++; ${barrier} }
        out[lane] = k + lane;`,
        "var<workgroup> flag: u32;",
      ),
    ).toEqual(lanes.map((l) => l + 3));
  });
});

describe("functions with barriers", () => {
  const exchange = `var<workgroup> tile: array<u32, 4>;
    fn exchange(x: u32, lane: u32) -> u32 { ${barrier} tile[lane] = x; ${barrier} return tile[3u - lane]; }`;

  test("may be called in the middle of expressions, left to right", async () => {
    expect(
      await four(
        "var x = lane; let y = x * 100u + exchange(x + 1u, lane) * 10u + exchange(exchange(x, lane) + 5u, lane); out[lane] = y;",
        exchange,
      ),
    ).toEqual(lanes.map((l) => l * 100 + (4 - l) * 10 + l + 5));
  });

  test("may be called in conditions", async () => {
    expect(
      await four(
        `var k = 0u; var m = 0u;
        if (workgroupUniformLoad(&flag) == 0u && exchange(lane, lane) < 2u) { m += 1u; }
        while (k + workgroupUniformLoad(&flag) < 5u) { k += 2u; }
        switch (workgroupUniformLoad(&flag) + k) { case 6u: { out[lane] = k + m; } default: { out[lane] = 77u; } }`,
        `var<workgroup> flag: u32; ${exchange}`,
      ),
    ).toEqual([6, 6, 7, 7]);
  });

  test("may be called behind && and ||, where only what matters is evaluated", async () => {
    expect(
      await four(
        `let both = n == 1u && probe(lane); let either = n == 0u || probe(lane);
        let yes = n == 0u && probe(lane); let no = n == 1u || probe(lane);
        out[lane] = calls * 10000u + u32(both) * 1000u + u32(either) * 100u + u32(yes) * 10u + u32(no);`,
        `var<private> calls: u32;
        fn probe(lane: u32) -> bool { ${barrier} calls++; return lane % 2u == 1u; }`,
      ),
    ).toEqual(lanes.map((l) => (l % 2 ? 20111 : 20100)));
  });

  test("an assignment reads its place before a call on its right side", async () => {
    expect(
      await four(
        `state = lane; state += change(2u); let before = state;
        var t: array<u32, 4>; at = 1u; t[at] = change(3u); t[at] += change(2u) + at;
        out[lane] = before * 10000u + t[0] + 10u * t[1] + 100u * t[2] + 1000u * t[3];`,
        `var<private> state: u32; var<private> at: u32;
        fn change(x: u32) -> u32 { ${barrier} state = 1000u; at = x; return 1u; }`,
      ),
    ).toEqual(lanes.map((l) => (l + 1) * 10000 + 10 + 3000));
  });

  test("pointers to all address spaces may be passed through two calls", async () => {
    expect(
      await four(
        `var x = lane; var t: array<u32, 3>;
        outer(&x, &t, &shared_, &mine);
        out[lane] = x + t[1] * 10u + shared_[lane] * 100u + mine * 1000u;`,
        `var<workgroup> shared_: array<u32, 4>; var<private> mine: u32 = 1u;
        fn inner(x: ptr<function, u32>, e: ptr<function, u32>) { ${barrier} *x += 1u; *e += *x; }
        fn outer(x: ptr<function, u32>, t: ptr<function, array<u32, 3>>, s: ptr<workgroup, array<u32, 4>>, m: ptr<private, u32>) {
          inner(x, &(*t)[1]);
          (*s)[*x % 4u] = *x; ${barrier} *m += *x;
          inner(x, &(*t)[*m % 3u]);
        }`,
      ),
    ).toEqual(
      lanes.map((l) => {
        const t = [0, 0, 0];
        let x = l + 1;
        t[1]! += x;
        const m = 1 + x;
        x++;
        t[m % 3]! += x;
        return x + t[1]! * 10 + (l === 0 ? 4 : l) * 100 + m * 1000;
      }),
    );
  });

  test("may be called again with uniform arguments", async () => {
    const text = `fn pick(n: u32, i: u32) -> u32 { var t = array<u32, 3>(n, n + 1u, n + 2u); ${barrier} t[1] += 1u; return t[i % 3u]; }`;
    expect(
      await four("out[lane] = pick(lane, lane) * 100u + pick(5u, 2u) * 10u + pick(1u, 1u);", text),
    ).toEqual(lanes.map((l) => [l, l + 2, l + 2][l % 3]! * 100 + 70 + 3));
  });

  test("may give arrays and structs, indexed at once", async () => {
    expect(
      await four(
        "out[lane] = rows(lane)[lane % 3u] * 10u + both(lane).v[lane & 1u];",
        `struct S { n: u32, v: vec2u }
        fn rows(x: u32) -> array<u32, 3> { ${barrier} return array<u32, 3>(x, x + 1u, x + 2u); }
        fn both(x: u32) -> S { ${barrier} return S(x, vec2u(7u, 8u + x)); }`,
      ),
    ).toEqual(lanes.map((l) => (l + (l % 3)) * 10 + (l & 1 ? 8 + l : 7)));
  });
});

test("a function with barriers may return an array early, in registers or in memory", async () => {
  for (const size of [3, 80])
    expect(
      await four(
        "let t = pick(lane); let i = (lane + 1u) % 3u; workgroupBarrier(); out[lane] = t[i] + t[0] * 10u;",
        `fn pick(x: u32) -> array<u32, ${size}> {
          var t: array<u32, ${size}>; ${barrier} t[x % 3u] = 5u;
          if (x > 1u) { return t; }
          t[1] = 7u; t[0] = 1u;
          return t;
        }`,
      ),
    ).toEqual(
      lanes.map((l) => {
        const t = [0, 0, 0];
        t[l % 3] = 5;
        if (l <= 1) [t[1], t[0]] = [7, 1];
        return t[(l + 1) % 3]! + t[0]! * 10;
      }),
    );
});

test("a uniform load gives what was stored, of a whole struct too", async () => {
  expect(
    await four(
      `if (lane == 2u) { s.a[1] = 5u; s.n = 9u; }
      let all = workgroupUniformLoad(&s); s.n = 0u; let one = workgroupUniformLoad(&s.a[1]);
      out[lane] = all.n * 100u + all.a[1] * 10u + one;`,
      "struct S { n: u32, a: array<u32, 2> } var<workgroup> s: S;",
    ),
  ).toEqual([955, 955, 955, 955]);
});

test("workgroups with three dimensions number their invocations with x fastest", async () => {
  const text = `@compute @workgroup_size(2, 3, 2)
  fn main(@builtin(local_invocation_id) l: vec3u, @builtin(local_invocation_index) i: u32,
    @builtin(global_invocation_id) g: vec3u, @builtin(workgroup_id) w: vec3u, @builtin(num_workgroups) n: vec3u) {
    tile[i] = l.x + 10u * l.y + 100u * l.z;
    ${barrier}
    let group = w.x + n.x * (w.y + n.y * w.z);
    out[group * 12u + i] = tile[11u - i] + 1000u * (g.x + 10u * g.y + 100u * g.z);
  }
  var<workgroup> tile: array<u32, 12>;`;
  const expected: number[] = [];
  for (let z = 0; z < 2; z++)
    for (let y = 0; y < 2; y++)
      for (let x = 0; x < 3; x++)
        for (let i = 0; i < 12; i++) {
          const at = (k: number) => [k % 2, Math.floor(k / 2) % 3, Math.floor(k / 6)] as const;
          const [a, b, c] = at(11 - i);
          const [p, q, r] = at(i);
          expected.push(
            a + 10 * b + 100 * c + 1000 * (x * 2 + p + 10 * (y * 3 + q) + 100 * (z * 2 + r)),
          );
        }
  expect(await outputs(text, 144, { grid: [3, 2, 2] })).toEqual(expected);
});
