import { breathe } from "./breathe.js";

/**
 * Waits until the browser shows what was drawn. Where nobody looks no picture comes: then it does not wait for one, and
 * what is computed in a tab behind another goes on.
 */
export const nextPicture = () =>
  document.hidden
    ? breathe()
    : new Promise((resolve) => {
        requestAnimationFrame(resolve);
        document.addEventListener("visibilitychange", resolve, { once: true });
      });
