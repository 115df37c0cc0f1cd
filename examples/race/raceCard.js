/** What the two cards of the page share: their table, their buttons, their speed. */
import { nextPicture } from "../picture.js";
import { Player } from "../player.js";
import { describeSlider, Report } from "../transport/card.js";
import { EntryTable } from "./entryTable.js";

export class RaceCard {
  #longest;

  /**
   * @param {HTMLElement} card
   * @param {object} actions
   * @param {string} actions.judged what rules are ranked by
   * @param {number} actions.longest steps after which a race ends
   * @param {number} actions.speed of the slider to begin with: steps a picture, as a power of 2
   * @param {(entries: object[]) => Promise<void>} actions.begin
   * @param {(steps: number) => Promise<(results: Map<string, object>) => void>} actions.advance what it gives shows the
   *   stretch, and writes into the results of all rules so far
   * @param {() => void} actions.cleared draws what there is before a race
   */
  constructor(card, { judged, longest, speed, begin, advance, cleared }) {
    const panel = document.getElementById("panel").content.cloneNode(true);
    panel.querySelector(".judged").textContent = judged;
    card.querySelector(".panel").append(panel);
    this.card = card;
    this.#longest = longest;
    this.report = new Report(card);
    this.cleared = cleared;
    this.table = new EntryTable(card.querySelector("table"), () => this.reset());
    this.results = new Map();
    this.steps = 0;
    this.player = new Player({
      begin: () => begin(this.table.entries),
      advance: async () => {
        const steps = Math.min(this.stride, longest - this.steps);
        const show = await advance(steps);
        // One stretch is one picture.
        await nextPicture();
        return () => {
          this.steps += steps;
          show(this.results);
          this.table.show(this.results);
          this.report.figures({ step: this.steps });
        };
      },
      isOver: () => this.steps >= longest || [...this.results.values()].every(({ lost }) => lost),
      changed: () => this.#showState(),
      failed: (error) => this.report.error(error),
    });
    this.at("play").addEventListener("click", () => {
      this.report.error(null);
      if (this.player.running) this.player.pause();
      else this.player.play();
    });
    this.at("step").addEventListener("click", () => {
      this.report.error(null);
      this.player.once();
    });
    this.at("reset").addEventListener("click", () => {
      this.player.pause();
      this.reset();
    });
    const slider = this.at("speed");
    const describe = () => {
      const steps = this.stride === 1 ? "1 step" : `${this.stride} steps`;
      describeSlider(slider, `${steps} a picture`);
    };
    slider.value = String(speed);
    slider.addEventListener("input", describe);
    describe();
  }

  /** A control by its role in the card. */
  at(name) {
    return this.card.querySelector(`[data-control=${name}]`);
  }

  get stride() {
    return 2 ** this.at("speed").valueAsNumber;
  }

  /** To the start; if it was running, it runs from there. */
  reset() {
    const { running } = this.player;
    this.player.reset();
    this.steps = 0;
    this.results.clear();
    this.table.clear();
    this.report.figures({ step: 0 });
    this.report.error(null);
    this.cleared();
    if (running) this.player.play();
  }

  ready() {
    for (const name of ["play", "step"]) this.at(name).disabled = false;
  }

  #showState() {
    const { running, begun, ended } = this.player;
    this.at("play").textContent = running ? "Pause" : begun ? "Continue" : "Play";
    for (const name of ["play", "step"]) this.at(name).disabled = ended;
    const best = [...this.results].filter(([, { lost }]) => !lost);
    this.report.status(
      ended && best.length === 0
        ? "All have left for infinity: try smaller rates."
        : ended
          ? `Over after ${this.#longest} steps.`
          : running
            ? "Racing …"
            : begun
              ? "Paused."
              : "",
    );
  }
}
