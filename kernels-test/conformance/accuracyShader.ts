/** Runs a function that rounds over many arguments, as a scalar and as each lane of a vector. */
import { type Accuracy, type Format, vectorFunctions } from "./accuracy";
import { bytesOf, type Shader } from "./run";

/** Points per function, a multiple of 4. */
const points = 256;

/** Positions in [0, 1) that fill it evenly, for argument `dimension` (R. Roberts, "R2 sequence", 2018). */
const position = (i: number, dimension: number): number =>
  (0.5 + (i + 1) * [0.8191725133961645, 0.6710436067037893, 0.5497004779019703][dimension]!) % 1;

const halfRounded = (value: number): number => {
  const unit = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value) || 2 ** -14)), -14) - 10);
  return Math.round(value / unit) * unit;
};

/** Arguments in the function's domain, ends included, as numbers of the format. */
export function argumentsOf({ domain }: Accuracy, format: Format): number[][] {
  const rounded = format.name === "f32" ? Math.fround : halfRounded;
  const limit = format.name === "f32" ? Number.POSITIVE_INFINITY : 10;
  return [0, 1, 2].map((dimension) => {
    const [low, high] = domain[dimension] ?? [0, 1];
    const [from, to] = [Math.max(low, -limit), Math.min(high, limit)];
    const start = format.name === "f16" && low < 1e-6 && low > 0 ? 2 ** -10 : from;
    return Array.from({ length: points }, (_, i) => {
      if (i < 2) return rounded(i === 0 ? start : to);
      const t = position(i, dimension);
      return rounded(
        start > 0 && to / start > 1000 ? start * (to / start) ** t : start + (to - start) * t,
      );
    });
  });
}

const columns = (lists: readonly (readonly number[])[]): Uint8Array =>
  new Uint8Array(Float32Array.from(lists.flat()).buffer);

/** Writes the vector results, then the scalar ones. */
export function accuracyShader(wgsl: string, format: Format, args: readonly number[][]): Shader {
  const vector = `vec4<${format.name}>`;
  const load = (i: number) => `${vector}(inputs[lane + ${(i * points) / 4}u])`;
  return {
    wgsl: `${format.name === "f16" ? "enable f16;\n" : ""}
@group(0) @binding(0) var<storage, read> inputs: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> vectors: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> scalars: array<f32>;

fn of_vector(x: ${vector}, y: ${vector}, z: ${vector}) -> ${vector} {
  return ${wgsl};
}
fn of_scalar(x: ${format.name}, y: ${format.name}, z: ${format.name}) -> ${format.name} {
  return ${wgsl};
}

@compute @workgroup_size(${points / 4})
fn main(@builtin(local_invocation_index) lane: u32) {
  let x = ${load(0)};
  let y = ${load(1)};
  let z = ${load(2)};
  vectors[lane] = vec4f(of_vector(x, y, z));
  for (var i = 0u; i < 4u; i++) {
    scalars[lane * 4u + i] = f32(of_scalar(x[i], y[i], z[i]));
  }
}
`,
    grid: [1, 1, 1],
    buffers: [
      { name: "inputs", index: 0, access: "read", bytes: columns(args) },
      { name: "vectors", index: 1, access: "read_write", bytes: new Uint8Array(points * 4) },
      { name: "scalars", index: 2, access: "read_write", bytes: new Uint8Array(points * 4) },
    ],
  };
}

/** Every function of `vectorFunctions`, over the same vectors. */
export const vectorCount = 64;

export function vectorArguments(): { x: number[]; y: number[] }[] {
  return Array.from({ length: vectorCount }, (_, i) => ({
    x: [0, 1, 2].map((d) => Math.fround(position(i, d) * 8 - 4)),
    y: [0, 1, 2].map((d) => Math.fround(position(i + vectorCount, d) * 6 - 3)),
  }));
}

export function vectorShader(): Shader {
  const padded = vectorArguments().flatMap(({ x, y }) => [...x, 0, ...y, 0]);
  return {
    wgsl: `
@group(0) @binding(0) var<storage, read> inputs: array<vec3f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec3f>;

@compute @workgroup_size(${vectorCount})
fn main(@builtin(local_invocation_index) lane: u32) {
  let x = inputs[lane * 2u];
  let y = inputs[lane * 2u + 1u];
${vectorFunctions.map(({ wgsl }, i) => `  out[${i * vectorCount}u + lane] = ${wgsl};`).join("\n")}
}
`,
    grid: [1, 1, 1],
    buffers: [
      { name: "inputs", index: 0, access: "read", bytes: columns([padded]) },
      {
        name: "out",
        index: 1,
        access: "read_write",
        bytes: bytesOf(new Array(vectorFunctions.length * vectorCount * 4).fill(0)),
      },
    ],
  };
}
