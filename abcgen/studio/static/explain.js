// How it works: what the network expected at each character of a tune, which earlier bars it
// looked at, and the training tune that is most like it.

import * as api from "./api.js";
import { cover, measuresIn, uncover } from "./bars.js";
import { attempt, byId, showPicture, takeUp } from "./page.js";

const BITS = [1, 2, 4, 6]; // at which another colour begins, as for the notes
const NAMES = { "\n": "the end of the line", "|": "a bar line", ":": "a repeat sign", "": "the end of the tune" };
const shown = (character) => (character === "\n" ? "⏎" : character || "end");
const percent = (share) => (share < 0.01 ? "under 1%" : `${Math.round(100 * share)}%`);

// The characters of a text, of which one is chosen with a slider.
export class Characters {
  constructor(section, onChoice = () => {}) {
    this.section = section;
    this.onChoice = onChoice;
    this.slider = section.querySelector("[type=range]");
    this.text = section.querySelector(".characters");
    this.slider.addEventListener("input", () => this.choose(Number(this.slider.value)));
    this.text.addEventListener("click", ({ target }) => {
      const index = [...this.text.children].indexOf(target);
      if (index >= 0) this.choose(index);
    });
    this.clear();
  }

  clear() {
    this.steps = [];
    this.text.replaceChildren();
  }

  // Adds characters, each with its probability and the likeliest in its place.
  add(steps) {
    this.steps.push(...steps);
    for (const [character, probability] of steps) {
      const span = document.createElement("span");
      span.textContent = character === "\n" ? "⏎\n" : character;
      span.dataset.bits = BITS.filter((least) => -Math.log2(probability) >= least).length;
      this.text.append(span);
    }
    this.slider.max = this.steps.length - 1;
  }

  choose(index) {
    if (!this.steps[index]) return;
    this.slider.value = index;
    this.text.querySelector(".chosen")?.classList.remove("chosen");
    const chosen = this.text.children[index];
    chosen.classList.add("chosen");
    // Within the text only: the page stays where it is.
    this.text.scrollTop = chosen.offsetTop - this.text.offsetTop - this.text.clientHeight / 2;
    const [character, probability, likeliest] = this.steps[index];
    const name = NAMES[character] ?? character;
    this.section.querySelector("[data-show=expected]").textContent =
      `Character ${index + 1}: ${name}, expected with ${percent(probability)}, ${(-Math.log2(probability)).toFixed(1)} bits`;
    this.section.querySelector(".likeliest").replaceChildren(
      ...likeliest.map(([other, share]) => {
        const item = document.createElement("li");
        item.classList.toggle("written", other === character);
        const [label, bar, value] = ["span", "span", "span"].map((tag) => document.createElement(tag));
        label.textContent = shown(other);
        bar.className = "share";
        bar.style.width = `${60 * share}%`;
        value.textContent = percent(share);
        item.append(label, bar, value);
        return item;
      }),
    );
    this.onChoice(index);
  }
}

// The characters of a draft while it is written: a copy of the panel's first section.
export function charactersIn(place) {
  const section = byId("explain-panel").content.querySelector(".reading").cloneNode(true);
  place.replaceChildren(section);
  place.hidden = false;
  return new Characters(section);
}

export class Explanation {
  constructor(card, onClose) {
    this.card = card;
    this.onClose = onClose;
    this.panel = byId("explain-panel").content.firstElementChild.cloneNode(true);
    this.place = card.part(".explain");
    this.place.replaceChildren(this.panel);
    this.place.hidden = false;
    this.place.setAttribute("aria-label", `How the network reads ${card.tune.title}`);
    this.sheet = card.part(".sheet");
    this.characters = new Characters(this.part(".reading"), (index) => this.lookFrom(this.facts.bars[index]));
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    this.part("[data-explain=bar]").addEventListener("change", ({ target }) => {
      this.characters.choose(this.facts.bars.indexOf(Number(target.value)));
    });
    addEventListener("resize", () => this.mark(), { signal });
    attempt(() => this.load());
  }

  part(selector) {
    return this.panel.querySelector(selector);
  }

  async load() {
    const abc = this.card.plainAbc;
    this.read = abc;
    const body = { abc, network: byId("wishes").network.value };
    this.panel.setAttribute("aria-busy", "true");
    try {
      this.facts = await api.post("/api/explain", body, this.listeners.signal);
    } catch (error) {
      if (error.name !== "AbortError") this.card.toggleExplanation();
      throw error;
    }
    this.panel.removeAttribute("aria-busy");
    const { steps, bars, numbers, attention } = this.facts;
    this.characters.clear();
    this.characters.add(steps);
    const select = this.part("[data-explain=bar]");
    select.replaceChildren(...numbers.map((number, index) => new Option(number, index)));
    this.part(".looking").hidden = !attention;
    // First the bar that looks back at one bar more than any other does.
    const most = (attention ?? []).map((row, bar) => Math.max(0, ...row.slice(0, bar)));
    this.characters.choose(bars.indexOf(Math.max(0, most.indexOf(Math.max(...most)))));
    await this.showNearest(abc);
  }

  // The tune has been engraved anew, and may be another.
  engraved() {
    if (this.facts && this.card.plainAbc === this.read) this.mark();
    else if (this.facts) attempt(() => this.load());
    this.read = this.card.plainAbc;
  }

  // Shows which bars are looked at from a bar.
  lookFrom(bar) {
    this.bar = bar;
    this.part("[data-explain=bar]").value = bar;
    this.mark();
    const looks = (this.facts.attention?.[bar] ?? []).slice(0, Math.max(bar, 0));
    const most = looks.indexOf(Math.max(...looks));
    this.part("[data-show=looks]").textContent = looks.length
      ? `looks most at bar ${this.facts.numbers[most]}, with ${percent(looks[most])} of its attention.`
      : "has no bar before it.";
  }

  mark() {
    uncover(this.sheet, "seen-bar");
    uncover(this.sheet, "now-bar");
    if (!this.facts?.attention || this.bar < 0) return;
    const measures = measuresIn(this.sheet);
    const looks = this.facts.attention[this.bar].slice(0, this.bar);
    looks.forEach((share, index) => {
      if (!measures[index]) return;
      cover(this.sheet, measures[index], "seen-bar").style.opacity = (0.5 * share) / Math.max(...looks);
    });
    if (measures[this.bar]) cover(this.sheet, measures[this.bar], "now-bar");
  }

  async showNearest(abc) {
    const { nearest, knows_tunes: knows } = this.facts;
    this.part(".pair").hidden = !nearest;
    const words = this.part("[data-show=nearest]");
    if (!nearest) {
      words.textContent = knows ? "No training tune shares a passage with it." : "This network has no record of its training tunes: train it again to have one.";
      return;
    }
    const title = nearest.title || "a tune without a title";
    words.textContent = `“${title}” shares ${nearest.shared.toFixed(1)} bars with it, shaded; more than any other. Of training tunes the network keeps the melody only: here it is in the key of this tune, without repeats.`;
    this.part("[data-show=title]").textContent = title;
    await Promise.all([
      this.draw(this.part(".mine"), abc, nearest.here),
      this.draw(this.part(".theirs"), nearest.abc, nearest.there),
    ]);
  }

  async draw(place, abc, [first, last]) {
    const body = { abc, draft: true, narrow: true };
    const picture = await api.post("/api/render", body, this.listeners.signal);
    takeUp(picture);
    showPicture(place, picture.svg);
    const sheet = place.closest(".sheet");
    uncover(sheet, "seen-bar");
    for (const measure of measuresIn(place).slice(first, last + 1)) cover(sheet, measure, "seen-bar");
  }

  close() {
    this.listeners.abort();
    uncover(this.sheet, "seen-bar");
    uncover(this.sheet, "now-bar");
    this.place.hidden = true;
    this.place.replaceChildren();
    this.onClose();
    this.card.part("[data-do=explain]").focus();
  }
}
