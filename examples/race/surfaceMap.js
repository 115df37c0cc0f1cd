/** A surface as a map with height lines, and the trails of rules on it. */

/** Points along an edge of the grid that the surface is known at. */
export const gridSize = 160;

/** Between colours of the map, by how high it is, 0 to 1. */
const tones = {
  light: [
    [44, 88, 132],
    [122, 160, 190],
    [205, 219, 228],
    [247, 247, 244],
  ],
  dark: [
    [98, 158, 214],
    [46, 84, 124],
    [27, 44, 66],
    [17, 21, 30],
  ],
};

const lines = 14;

function toneAt(scale, share) {
  const place = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(place), scale.length - 2);
  return scale[low].map((value, i) => value + (place - low) * (scale[low + 1][i] - value));
}

/**
 * The map's pixels. Heights are shown by log(1 + 10 f), so that the bottom of a valley has lines too.
 * @param {Float32Array} values of the surface, row by row
 * @param {boolean} dark
 */
export function mapPixels(values, dark) {
  const heights = values.map((value) => Math.log1p(10 * value));
  const top = heights.reduce((most, value) => Math.max(most, value));
  const pixels = new Uint8ClampedArray(4 * values.length);
  const scale = dark ? tones.dark : tones.light;
  const band = (i) => Math.floor((heights[i] / top) * lines);
  for (let i = 0; i < values.length; i++) {
    const tone = toneAt(scale, heights[i] / top);
    const right = (i + 1) % gridSize ? i + 1 : i;
    const below = i + gridSize < values.length ? i + gridSize : i;
    const onLine = band(i) !== band(right) || band(i) !== band(below);
    pixels.set([...tone.map((value) => value * (onLine ? 0.82 : 1)), 255], 4 * i);
  }
  return pixels;
}

export class SurfaceMap {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.ground = new OffscreenCanvas(gridSize, gridSize);
    this.surface = null;
  }

  /** Pixels of the canvas for a point of the surface. */
  place([x, y]) {
    const { width, height } = this.canvas;
    const { x: across, y: up } = this.surface;
    return [
      ((x - across[0]) / (across[1] - across[0])) * width,
      ((up[1] - y) / (up[1] - up[0])) * height,
    ];
  }

  /** The point of the surface that a pointer is at. */
  pointAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const { x, y } = this.surface;
    return [
      x[0] + ((event.clientX - box.left) / box.width) * (x[1] - x[0]),
      y[1] - ((event.clientY - box.top) / box.height) * (y[1] - y[0]),
    ];
  }

  /** Shows another surface, or the same in another theme. */
  setGround(surface, values, dark) {
    this.surface = surface;
    const image = new ImageData(mapPixels(values, dark), gridSize, gridSize);
    this.ground.getContext("2d").putImageData(image, 0, 0);
  }

  /**
   * @param {readonly [number, number]} start
   * @param {Map<string, { colour: string, points: number[] }>} trails x, y, x, y, … of each rule, from the start
   */
  draw(start, trails) {
    const { canvas, context, surface } = this;
    if (!surface) return;
    const size = Math.max(Math.round(canvas.clientWidth * devicePixelRatio), 64);
    if (canvas.width !== size) {
      canvas.width = size;
      canvas.height = size;
    }
    const unit = devicePixelRatio;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.ground, 0, 0, size, size);
    context.lineJoin = "round";
    context.lineCap = "round";
    for (const minimum of surface.minima) this.#cross(this.place(minimum), 6 * unit);
    for (const { colour, points } of trails.values()) {
      const path = new Path2D();
      for (let i = 0; i < points.length; i += 2)
        path.lineTo(...this.place([points[i], points[i + 1]]));
      this.#stroke(path, 3.5 * unit, "rgb(255 255 255 / 55%)");
      this.#stroke(path, 2 * unit, colour);
    }
    for (const { colour, points } of trails.values())
      this.#dot(this.place(points.slice(-2)), 5 * unit, colour);
    this.#ring(this.place(start), 6 * unit);
  }

  #stroke(path, width, colour) {
    this.context.lineWidth = width;
    this.context.strokeStyle = colour;
    this.context.stroke(path);
  }

  #dot([x, y], radius, colour) {
    const path = new Path2D();
    path.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.fillStyle = colour;
    this.context.fill(path);
    this.#stroke(path, radius / 3, "#fff");
  }

  #ring([x, y], radius) {
    const path = new Path2D();
    path.arc(x, y, radius, 0, 2 * Math.PI);
    this.#stroke(path, radius / 1.5, "#fff");
    this.#stroke(path, radius / 3, "#111");
  }

  #cross([x, y], radius) {
    const path = new Path2D();
    path.moveTo(x - radius, y - radius);
    path.lineTo(x + radius, y + radius);
    path.moveTo(x + radius, y - radius);
    path.lineTo(x - radius, y + radius);
    this.#stroke(path, radius / 1.5, "#111");
    this.#stroke(path, radius / 3, "#fff");
  }
}
