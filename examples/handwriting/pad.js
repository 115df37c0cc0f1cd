/** The paper: strokes by mouse, pen and finger, and by keys. */

/** How far an arrow key moves the pen, in edges of the paper. */
const keyStep = 0.04;

/** Points nearer than this to the one before are left out. */
const nearest = 0.006;

const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const round = (value) => Math.round(value * 1e4) / 1e4;
const inside = (value) => round(Math.min(Math.max(value, 0), 1));

/** A canvas to draw on. `onchange` is called after each change, `onpen` when a key puts the pen down or lifts it. */
export class Pad {
  /** Of points [x, y] from 0 to 1, y downwards. @type {[number, number][][]} */
  strokes = [];
  onchange = () => {};
  onpen = (/** @type {boolean} */ _down) => {};
  #canvas;
  /** Where the pen of the keys is, and whether it draws. */
  #pen = [0.5, 0.3];
  #down = false;
  #keyed = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    canvas.tabIndex = 0;
    // Tells screen readers to leave the arrow keys to the page.
    canvas.setAttribute("role", "application");
    canvas.addEventListener("pointerdown", (event) => {
      // A second finger does not draw.
      if (event.button !== 0 || !event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      this.#lift();
      this.#keyed = false;
      this.strokes.push([]);
      this.#follow(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      // A key may have undone the stroke under way.
      if (canvas.hasPointerCapture(event.pointerId) && this.strokes.length > 0) this.#follow(event);
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => {
      this.#lift();
      this.#keyed = false;
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  undo() {
    this.#lift();
    this.strokes.pop();
    this.#changed();
  }

  clear() {
    this.#lift();
    this.strokes = [];
    this.#changed();
  }

  #changed() {
    this.draw();
    this.onchange();
  }

  #lift() {
    if (this.#down) this.onpen(false);
    this.#down = false;
  }

  #add(point) {
    const stroke = this.strokes.at(-1);
    const before = stroke.at(-1);
    if (before && Math.hypot(point[0] - before[0], point[1] - before[1]) < nearest) return;
    stroke.push(point);
  }

  #follow(event) {
    const box = this.#canvas.getBoundingClientRect();
    const all = event.getCoalescedEvents?.() ?? [];
    for (const { clientX, clientY } of all.length ? all : [event])
      this.#add([
        inside((clientX - box.left) / box.width),
        inside((clientY - box.top) / box.height),
      ]);
    this.#changed();
  }

  #key(event) {
    const arrow = arrows[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow) {
      this.#keyed = true;
      this.#pen = this.#pen.map((value, axis) => inside(value + keyStep * arrow[axis]));
      if (this.#down) this.#add(this.#pen);
    } else if (event.key === " ") {
      this.#keyed = true;
      this.#down = !this.#down;
      if (this.#down) this.strokes.push([this.#pen]);
      this.onpen(this.#down);
    } else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
    this.#changed();
  }

  draw() {
    const canvas = this.#canvas;
    const size = Math.max(Math.round(canvas.clientWidth * devicePixelRatio), 1);
    canvas.width = size;
    canvas.height = size;
    const style = getComputedStyle(canvas);
    const context = canvas.getContext("2d");
    context.lineWidth = 0.07 * size;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.strokeStyle = style.color;
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0].map((value) => value * size));
      for (const point of stroke) context.lineTo(...point.map((value) => value * size));
      context.stroke();
    }
    if (!this.#keyed) return;
    const [x, y] = this.#pen.map((value) => value * size);
    context.lineWidth = 0.008 * size;
    context.strokeStyle = style.getPropertyValue("--accent");
    context.beginPath();
    context.arc(x, y, (this.#down ? 0.035 : 0.05) * size, 0, 2 * Math.PI);
    context.stroke();
  }
}
