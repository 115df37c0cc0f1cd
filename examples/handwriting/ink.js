/** Pictures of ink on canvases, in the colours of the page. */
import { pixels, side } from "./raster.js";

/** The channels of a colour as the browser computes it: rgb(1, 2, 3). */
const channels = (colour) =>
  colour
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);

/**
 * Draws pictures side by side, as many in a row as given.
 *
 * @param {HTMLCanvasElement} canvas is sized to them
 * @param {Float32Array} images [count, 28, 28]
 * @param {number} [columns] default: all
 */
export function showImages(canvas, images, columns = images.length / pixels) {
  const rows = Math.ceil(images.length / pixels / columns);
  canvas.width = side * columns;
  canvas.height = side * rows;
  const ink = channels(getComputedStyle(canvas).color);
  const data = new ImageData(canvas.width, canvas.height);
  images.forEach((value, at) => {
    const image = Math.floor(at / pixels);
    const x = (image % columns) * side + (at % side);
    const y = Math.floor(image / columns) * side + Math.floor((at % pixels) / side);
    data.data.set([...ink, 255 * value], 4 * (y * canvas.width + x));
  });
  canvas.getContext("2d").putImageData(data, 0, 0);
}
