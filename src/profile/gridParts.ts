/**
 * A dispatch in parts: boxes of its workgroups, each dispatched on its own. WGSL has no first workgroup to set, so
 * a part runs a variant of the kernel that moves its workgroups to their places in the whole grid. The variant is
 * written from the kernel's text when a dispatch is first split; the kernel itself stays as it is.
 */

type Three = readonly [number, number, number];

/** Workgroups `first` to `first + size`, by dimension. */
export interface GridPart {
  readonly first: Three;
  readonly size: Three;
}

/** Splits a grid into boxes of at most `most` workgroups, at least 1, alike where they can be. */
export function gridParts(grid: Three, most: number): GridPart[] {
  let left = Math.max(most, 1);
  const cuts = grid.map((extent) => {
    const parts = Math.ceil(extent / Math.min(left, extent));
    const side = Math.ceil(extent / parts);
    left = parts > 1 ? 1 : Math.floor(left / extent);
    return Array.from({ length: Math.ceil(extent / side) }, (_, k) => ({
      first: k * side,
      size: Math.min(side, extent - k * side),
    }));
  });
  const [columns, rows, layers] = cuts;
  return layers!.flatMap((z) =>
    rows!.flatMap((y) =>
      columns!.map(
        (x): GridPart => ({
          first: [x.first, y.first, z.first],
          size: [x.size, y.size, z.size],
        }),
      ),
    ),
  );
}

/** Bytes of the uniform that a variant has at binding 0 of group 1. */
export const partBytes = 32;

/** That uniform's contents: the first workgroup, and the extents of the whole grid. */
export const partUniform = ({ first }: GridPart, grid: Three): Uint32Array<ArrayBuffer> =>
  new Uint32Array([...first, 0, ...grid, 0]);

const entryPoint = /@compute\s+@workgroup_size\(([^\n]*)\)\s*fn main\(([^{]*)\)\s*\{/;
const builtin = /@builtin\((\w+)\)\s*(\w+)\s*:\s*([^,]+)/g;

/** What a built-in value is in the whole grid, from the part's own. @param sides of a workgroup */
function inWhole(name: string, own: string, sides: readonly string[]): string {
  if (name === "num_workgroups") return "grid_part.whole";
  if (name === "workgroup_id") return `grid_part.first + ${own}`;
  if (name === "global_invocation_id")
    return `grid_part.first * vec3<u32>(${sides.join(", ")}) + ${own}`;
  return own;
}

/**
 * The variant of a kernel for parts of its grid: what was the entry point is called with the built-in values of the
 * whole grid. Null where the entry point is written as none of the library's.
 */
export function partVariant(wgsl: string): string | null {
  const [entry, size = "", parameters = ""] = entryPoint.exec(wgsl) ?? [];
  if (!entry) return null;
  const taken = [...parameters.matchAll(builtin)].map(([, name, own, type]) => ({
    name: name!,
    own: own!,
    type: type!.trim(),
  }));
  const sides = [...size.split(","), "1", "1"].slice(0, 3).map((side) => `u32(${side.trim()})`);
  const whole = `fn whole_grid(${taken.map(({ own, type }) => `${own}: ${type}`).join(", ")}) {`;
  const own = taken.filter(({ name }) => name !== "num_workgroups");
  return `${wgsl.replace(entry, () => whole)}
struct GridPart { first: vec3<u32>, whole: vec3<u32> }
@group(1) @binding(0) var<uniform> grid_part: GridPart;
@compute @workgroup_size(${size})
fn main(${own.map((value) => `@builtin(${value.name}) ${value.own}: ${value.type}`).join(", ")}) {
  whole_grid(${taken.map((value) => inWhole(value.name, value.own, sides)).join(", ")});
}
`;
}
