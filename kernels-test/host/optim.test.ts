import { existsSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError, LimitError, type TilegradError } from "../../src/errors";
import { optimStepControl, optimUpdate } from "../../src/kernels";
import { optim } from "../../src/node";
import { blockElements, planArena } from "../../src/optim/arena";
import { maxGroups } from "../../src/optim/groups";
import { adamwRule, lionRule, rules, sgdRule } from "../../src/optim/rules";
import { scalarsWindow } from "../../src/optim/stepControl";

describe("the arena's plan", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 40 });
  const limits = fc.integer({ min: 16, max: 100 }).map((blocks) => blocks * blockElements);
  const named = (list: readonly number[]) => list.map((size, i) => ({ name: `p${i}`, size }));

  test("tensors start at blocks, do not overlap, stay in order, and fit their chunk", () => {
    fc.assert(
      fc.property(sizes, limits, (list, limit) => {
        const { slots, chunks } = planArena(named(list), limit);
        let end = { chunk: 0, offset: 0 };
        slots.forEach(({ chunk, offset }, i) => {
          expect(offset % blockElements).toBe(0);
          if (chunk === end.chunk) expect(offset).toBe(end.offset);
          else expect([chunk, offset]).toEqual([end.chunk + 1, 0]);
          const blocks = Math.max(Math.ceil(list[i]! / blockElements), 1);
          end = { chunk, offset: offset + blocks * blockElements };
          expect(end.offset).toBeLessThanOrEqual(chunks[chunk]!);
        });
        expect(chunks.length).toBe(end.chunk + 1);
        for (const elements of chunks) expect(elements).toBeLessThanOrEqual(limit);
      }),
    );
  });

  test("gaps are at most 63 elements a tensor", () => {
    const { chunks } = planArena(named([1, 64, 65]), 1e6);
    expect(chunks).toEqual([64 + 64 + 128]);
  });

  test("a chunk is closed by the first tensor that does not fit", () => {
    const { slots, chunks } = planArena(named([128, 64, 65, 64]), 256);
    expect(slots.map(({ chunk, offset }) => [chunk, offset])).toEqual([
      [0, 0],
      [0, 128],
      [1, 0],
      [1, 128],
    ]);
    expect(chunks).toEqual([192, 192]);
  });

  test("a tensor larger than a chunk is refused by name", () => {
    expect(() => planArena(named([10, 129]), 128)).toThrow(LimitError);
    expect(() => planArena(named([10, 129]), 128)).toThrow(/p1 has 129 elements/);
  });
});

describe("the rules", () => {
  test("each row has its WGSL file, and the update kernel lists exactly their functions", () => {
    for (const { name } of rules)
      expect(existsSync(`shaders/include/optim_${name}.wgsl`), name).toBe(true);
    expect([...optimUpdate.allowed["RULE"]!].sort()).toEqual(
      rules.map(({ kernelFunction }) => kernelFunction).sort(),
    );
  });

  test("the kernels have room for the groups and updates that the host sends", () => {
    expect(optimUpdate.source).toContain(`groups: array<vec4<f32>, ${maxGroups}>`);
    expect(optimStepControl.source).toContain(`WINDOW = ${scalarsWindow}u`);
    expect(optimStepControl.source).toContain(`scalars: array<vec4<f32>, ${scalarsWindow}>`);
  });

  test("bias corrections keep their digits at large steps and at the first", () => {
    const [first, firstRoot] = adamwRule.perStep(1, adamwRule.defaults);
    expect(first).toBeCloseTo(10, 13);
    expect(firstRoot).toBeCloseTo(Math.sqrt(1000), 11);
    const [late, lateRoot] = adamwRule.perStep(10_000, { betas: [0.9, 0.9999], eps: 1e-8 });
    expect(late).toBe(1);
    expect(lateRoot).toBeCloseTo(1 / Math.sqrt(-Math.expm1(10_000 * Math.log(0.9999))), 12);
  });

  test("SGD keeps state only with momentum, and dampens only what has momentum", () => {
    expect(sgdRule.states(sgdRule.defaults)).toEqual([]);
    expect(sgdRule.states({ ...sgdRule.defaults, momentum: 0.9 })).toEqual(["momentum_buffer"]);
    expect(sgdRule.constants({ momentum: 0, dampening: 0.5, nesterov: false })[1]).toBe(1);
    expect(sgdRule.constants({ momentum: 0.9, dampening: 0.5, nesterov: false })[1]).toBe(0.5);
  });

  test("defaults are PyTorch's, and Lion's paper's", () => {
    expect(adamwRule).toMatchObject({ defaultRate: 1e-3, defaultWeightDecay: 1e-2 });
    expect(adamwRule.defaults).toEqual({ betas: [0.9, 0.999], eps: 1e-8 });
    expect(lionRule).toMatchObject({ defaultRate: 1e-4, defaultWeightDecay: 0 });
    expect(lionRule.defaults).toEqual({ betas: [0.9, 0.99] });
    expect(sgdRule.defaults).toEqual({ momentum: 0, dampening: 0, nesterov: false });
  });
});

describe("bad options", () => {
  const bad: [() => unknown, RegExp][] = [
    [() => optim.sgd([], { lr: -1 }), /optim\.sgd: lr is -1; it takes a finite number from 0 up/],
    [() => optim.sgd([], { lr: Number.NaN }), /lr is NaN/],
    [() => optim.sgd([], { momentum: 1 }), /momentum is 1; it takes 0 up to, not including, 1/],
    [() => optim.sgd([], { dampening: 2 }), /dampening is 2/],
    [() => optim.sgd([], { nesterov: true }), /nesterov needs momentum above 0/],
    [() => optim.sgd([], { nesterov: true, momentum: 0.9, dampening: 0.1 }), /dampening 0\.1/],
    [() => optim.adamw([], { betas: [0.9, 1] }), /optim\.adamw: betas\[1\] is 1/],
    [() => optim.adamw([], { betas: 0.9 as never }), /betas is 0\.9; it takes two numbers/],
    [() => optim.adamw([], { eps: 0 }), /eps is 0; it takes a number above 0/],
    [() => optim.adamw([], { weightDecay: -0.1 }), /weightDecay is -0\.1/],
    [() => optim.adamw([], { clipGradNorm: 0 }), /clipGradNorm is 0/],
    [() => optim.adamw([], { clipGradNorm: Number.POSITIVE_INFINITY }), /clipGradNorm is Infinity/],
    [() => optim.adamw([], { state: "fp4" as never }), /state is "fp4"; it takes f32/],
    [
      () => optim.adamw([], { subspace: "galore" as never }),
      /subspace is "galore"; it takes "full"/,
    ],
    [() => optim.adamw([], { beta1: 0.9 } as never), /no option beta1; it takes betas, eps, lr/],
    [() => optim.lion([], { eps: 1 } as never), /no option eps; it takes betas, lr/],
    [() => optim.lion([], { betas: [Number.NaN, 0.9] }), /betas\[0\] is NaN/],
    [() => optim.adamw([]), /no parameters to update/],
    [() => optim.adamw(undefined as never), /parameters is undefined; it takes model\.parameters/],
    [() => optim.adamw([3 as never]), /parameter 0 is number, not a tensor with memory/],
    [() => optim.adamw([{ params: [], weightDecay: -1 }]), /weightDecay is -1/],
    [() => optim.adamw([{ params: [], lr: -1 }]), /lr is -1/],
    [() => optim.adamw([{ params: [] }, 3 as never]), /groups and bare parameters are mixed/],
  ];

  test.each(bad.map(([make, message]) => [String(message), make, message] as const))(
    "are refused with their name and the cure: %s",
    (_, make, message) => {
      let caught: TilegradError | undefined;
      try {
        make();
      } catch (error) {
        caught = error as TilegradError;
      }
      expect(caught).toBeInstanceOf(ArgumentError);
      expect(caught?.message).toMatch(message);
    },
  );
});
