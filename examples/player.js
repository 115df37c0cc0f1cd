/** Play, pause, single steps and reset of something that is computed elsewhere, bit by bit. */

export class Player {
  #generation = 0;
  #looping = false;
  #once = false;
  #actions;

  /** Whether it goes on by itself. */
  running = false;
  /** Whether there is something to go on from. */
  begun = false;
  ended = false;

  /**
   * @param {object} actions
   * @param {() => Promise<void>} actions.begin makes what is to be computed, anew
   * @param {() => Promise<() => void>} actions.advance goes on by a bit; what it
   *   gives shows what has been computed, and is not called if a reset has overtaken it
   * @param {() => boolean} actions.isOver whether nothing is left to compute
   * @param {() => void} actions.changed shows the state of the player
   * @param {(error: Error) => void} actions.failed
   */
  constructor(actions) {
    this.#actions = actions;
  }

  play() {
    this.running = true;
    this.#go();
  }

  /** What is under way is still shown. */
  pause() {
    this.running = false;
    this.#actions.changed();
  }

  /** Goes on by one bit. */
  once() {
    this.running = false;
    this.#once = true;
    this.#go();
  }

  /** Forgets everything; what is under way is not shown. */
  reset() {
    this.#generation++;
    this.running = false;
    this.#once = false;
    this.begun = false;
    this.ended = false;
    this.#actions.changed();
  }

  async #go() {
    this.#actions.changed();
    if (this.#looping) return;
    this.#looping = true;
    try {
      while ((this.running || this.#once) && !this.ended) await this.#bit();
    } finally {
      this.#looping = false;
    }
    this.#actions.changed();
  }

  async #bit() {
    const own = this.#generation;
    try {
      if (!this.begun) {
        await this.#actions.begin();
        if (own !== this.#generation) return;
        this.begun = true;
      }
      this.#once = false;
      const show = await this.#actions.advance();
      if (own !== this.#generation) return;
      show();
      this.ended = this.#actions.isOver();
      if (this.ended) this.running = false;
    } catch (error) {
      if (own !== this.#generation) return;
      this.running = false;
      this.#once = false;
      this.#actions.failed(error);
    }
  }
}
