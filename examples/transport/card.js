/** What the two cards of the page share: their figures, their status, their errors. */

/** A number in as many digits as one wants to read. */
export function short(value) {
  if (value === 0 || (Math.abs(value) >= 0.01 && Math.abs(value) < 1e4))
    return String(Number(value.toPrecision(value >= 100 ? 4 : 3)));
  return value.toExponential(1);
}

/** Writes the value of a slider beside it, and for those who listen. */
export function describeSlider(slider, text) {
  slider.parentElement.querySelector(".value").textContent = text;
  slider.setAttribute("aria-valuetext", text);
}

/** The parts of a card that report. */
export class Report {
  /** @param {HTMLElement} card */
  constructor(card) {
    this.card = card;
    this.statusLine = card.querySelector("[role=status]");
    this.alertLine = card.querySelector("[role=alert]");
  }

  /** Shows numbers under their names in the card. */
  figures(values) {
    for (const [name, value] of Object.entries(values))
      this.card.querySelector(`[data-figure=${name}]`).textContent = value;
  }

  /** Says, also to those who listen, what happens now. */
  status(text) {
    this.statusLine.textContent = text;
  }

  /** Says what went wrong; null takes it back. */
  error(error) {
    this.alertLine.textContent = error?.message ?? "";
    this.alertLine.hidden = error === null;
  }
}
