/** The table of who races: a rule, its rate, and how it does. */
import { short } from "../transport/card.js";
import { greatestRate, leastRate, rules } from "./rules.js";

/** Ranks 1, 2, … by value, least first; the lost have none. */
export function ranking(results) {
  const order = [...results].filter(([, { lost }]) => !lost);
  order.sort(([, one], [, other]) => one.value - other.value);
  return new Map(order.map(([name], i) => [name, i + 1]));
}

export class EntryTable {
  /**
   * @param {HTMLTableElement} table
   * @param {() => void} changed is called when another rule or rate is chosen
   */
  constructor(table, changed) {
    this.rows = new Map();
    for (const [name, { title, colour, about }] of Object.entries(rules)) {
      const row = table.tBodies[0].insertRow();
      row.title = `${title} ${about}.`;
      row.innerHTML = `
        <th scope="row"><label class="check"><input type="checkbox" checked /><span class="swatch"></span><span class="name"></span></label></th>
        <td><input type="text" inputmode="decimal" autocomplete="off" /></td>
        <td class="loss">–</td>
        <td class="rank">–</td>`;
      row.querySelector(".name").textContent = title;
      row.querySelector(".swatch").style.background = colour;
      const [check, rate] = row.querySelectorAll("input");
      rate.setAttribute("aria-label", `Rate of ${title}`);
      check.addEventListener("change", changed);
      rate.addEventListener("change", changed);
      this.rows.set(name, { row, check, rate });
    }
  }

  setRates(rates) {
    for (const [name, { rate }] of this.rows) rate.value = String(rates[name]);
  }

  /**
   * The rules that are chosen, with their rates.
   * @throws Error for a rate that is none, or if nobody is chosen
   */
  get entries() {
    const chosen = [...this.rows].filter(([, { check }]) => check.checked);
    for (const [, { rate }] of this.rows) rate.removeAttribute("aria-invalid");
    if (chosen.length === 0) throw new Error("Nobody races: choose a rule.");
    return chosen.map(([name, { rate: field }]) => {
      const rate = Number(field.value.replace(",", "."));
      if (!(rate >= leastRate && rate <= greatestRate)) {
        field.setAttribute("aria-invalid", "true");
        throw new Error(
          `The rate of ${rules[name].title} is “${field.value}”. It is a number from ${leastRate.toFixed(5)} to ${greatestRate}.`,
        );
      }
      return { name, rate };
    });
  }

  clear() {
    for (const { row } of this.rows.values())
      for (const cell of row.querySelectorAll(".loss, .rank")) cell.textContent = "–";
  }

  /** @param {Map<string, { value: number, lost: boolean }>} results by rule */
  show(results) {
    const ranks = ranking(results);
    for (const [name, { value, lost }] of results) {
      const { row } = this.rows.get(name);
      row.querySelector(".loss").textContent = lost ? "lost" : short(value);
      row.querySelector(".rank").textContent = ranks.get(name) ?? "–";
    }
  }
}
