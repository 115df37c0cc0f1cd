/** Whether this is the only tab of a page: two that keep their work in one file would overwrite each other's. */

/** Milliseconds that a page which is loaded anew waits for its former self to end. */
const patience = 2000;

/**
 * For a worker, which is it until it ends.
 * @param {string} name of what only one may have
 * @returns {Promise<boolean>} false where another tab has it
 */
export const isSoleTab = (name) =>
  new Promise((resolve) => {
    // Without locks the browser has no such files either, and says so when one is asked for.
    if (!navigator.locks) return resolve(true);
    const held = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks
      .request(name, { signal: AbortSignal.timeout(patience) }, held)
      .catch(() => resolve(false));
  });
