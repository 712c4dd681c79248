// Colours each note by how surprised the network is at it.

import * as api from "./api.js";
import { attempt, byId } from "./page.js";

const STEPS = [1, 2, 4, 6]; // bits at which another colour begins

export class Surprise {
  constructor(card) {
    this.card = card;
    this.isOn = false;
    this.abc = ""; // of the tune that is seen
  }

  async toggle() {
    this.isOn = !this.isOn;
    this.card.part("[data-do=surprise]").setAttribute("aria-pressed", String(this.isOn));
    await this.look();
  }

  engraved(abc) {
    this.abc = abc;
    if (this.isOn) attempt(() => this.look());
  }

  async look() {
    const legend = this.card.part("[data-show=surprise]");
    legend.hidden = !this.isOn;
    for (const note of this.card.element.querySelectorAll("[data-bits]")) delete note.dataset.bits;
    if (!this.isOn) return;
    const { bits, network } = await api.post("/api/surprise", { abc: this.abc, network: byId("wishes").network.value });
    bits.forEach((bar, index) => bar.forEach((value, note) => this.colour(index, note, value)));
    this.explain(legend, bits, network);
  }

  colour(bar, note, bits) {
    const name = `v0b${bar}n${note}`;
    const step = STEPS.filter((least) => bits >= least).length;
    // The parts of a tied note have the note's name and a number.
    const selector = `.sheet [data-note="${name}"], .sheet [data-note^="${name}."]`;
    for (const one of this.card.element.querySelectorAll(selector)) one.dataset.bits = step;
  }

  explain(legend, bits, network) {
    const all = bits.flat();
    const mean = all.reduce((sum, value) => sum + value, 0) / (all.length || 1);
    const sums = bits.map((bar) => bar.reduce((sum, value) => sum + value, 0) / (bar.length || 1));
    const most = this.card.bars?.[sums.indexOf(Math.max(...sums))];
    const parts = [`${network} needs ${mean.toFixed(1)} bits a note; bar ${most} surprises it most. `];
    ["under 1 bit", "1 to 2", "2 to 4", "4 to 6", "6 bits or more"].forEach((words, step) => {
      const sample = document.createElement("span");
      sample.className = "swatch";
      sample.dataset.bits = step;
      sample.textContent = `● ${words}`;
      parts.push(sample, " ");
    });
    legend.replaceChildren(...parts);
  }
}
