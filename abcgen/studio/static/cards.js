// A tune on the page: its sheet music, its player, and what can be done with it.

import * as api from "./api.js";
import { attempt, byId, say, showPicture, take, takeUp } from "./page.js";
import { Explanation } from "./explain.js";
import { Rework } from "./rework.js";
import { Surprise } from "./surprise.js";
import { linksElsewhere, linkTo, withoutRecipe } from "./share.js";

const SEMITONES = 12;
const INTERVALS = [...Array(2 * SEMITONES + 1).keys()].map((index) => SEMITONES - index);

// Cards are engraved when they come into view.
const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      cards.get(target)?.engrave();
    }
  },
  { rootMargin: "50%" },
);
const cards = new WeakMap();

export class Card {
  // The tune has `abc`, and `id`, `liked` and `binned` if it is in the history.
  constructor(tune, { onEdit, onContinue, onGone, fact = "" } = {}) {
    this.tune = tune;
    this.on = { onEdit, onContinue, onGone };
    this.element = byId("tune-card").content.firstElementChild.cloneNode(true);
    this.stand = null;
    this.semitones = 0;
    const select = this.part("[data-do=transpose]");
    for (const shift of INTERVALS) {
      const size = Math.abs(shift);
      const words = shift ? `${size} semitone${size > 1 ? "s" : ""} ${shift > 0 ? "up" : "down"}` : "as written";
      select.add(new Option(words, shift, shift === 0, shift === 0));
    }
    this.surprise = new Surprise(this);
    this.show("fact", fact);
    this.named();
    this.listen();
    cards.set(this.element, this);
    seen.observe(this.element);
  }

  // The cards on the page of a tune of the history.
  static all(id) {
    return [...document.querySelectorAll(`.tune[data-tune="${id}"]`)].map((one) => cards.get(one));
  }

  // Shows the tune as it is now.
  update(tune) {
    const isOther = tune.abc !== this.tune.abc;
    this.tune = tune;
    this.named();
    if (isOther) this.engrave();
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  show(name, text) {
    this.part(`[data-show=${name}]`).textContent = text;
  }

  // Shows title and marks, and names the controls after the tune.
  named() {
    const title = this.tune.title || "Untitled";
    this.show("title", title);
    this.element.setAttribute("aria-label", title);
    this.part(".controls").setAttribute("aria-label", `Play and take ${title}`);
    for (const name of ["wide", "narrow"]) {
      this.part(`.${name}`).setAttribute("aria-label", `Sheet music of ${title}`);
    }
    const { id, liked, binned } = this.tune;
    if (id) this.element.dataset.tune = id;
    for (const name of ["like", "bin", "rename", "rework"]) this.part(`[data-do=${name}]`).hidden = !id;
    this.part("[data-do=like]").setAttribute("aria-pressed", String(Boolean(liked)));
    this.part("[data-do=like] span").textContent = liked ? "♥" : "♡";
    this.part("[data-do=bin]").textContent = binned ? "Take out of the bin" : "Bin";
    this.part("[data-do=edit]").hidden = !this.on.onEdit;
    this.part("[data-do=continue]").hidden = !this.on.onContinue;
  }

  listen() {
    const actions = {
      like: () => this.change({ liked: !this.tune.liked }),
      bin: () => this.bin(),
      rename: () => this.rename(),
      copy: () => this.copyAbc(),
      link: () => this.copyLink(),
      print: () => this.print(),
      edit: () => this.on.onEdit(this.tune),
      continue: () => this.on.onContinue(this.tune),
      rework: () => this.toggleRework(),
      surprise: () => this.surprise.toggle(),
      explain: () => this.toggleExplanation(),
    };
    this.element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.take) attempt(() => this.take(button.dataset.take));
      else if (button && actions[button.dataset.do]) attempt(actions[button.dataset.do]);
    });
    this.part(".menu").addEventListener("toggle", () => attempt(() => this.linkElsewhere()));
    this.part("[data-do=transpose]").addEventListener("change", (event) => {
      this.semitones = Number(event.target.value);
      this.engrave();
    });
  }

  toggleRework() {
    if (this.rework) this.rework.close();
    else this.rework = new Rework(this, () => (this.rework = null));
    this.part("[data-do=rework]").setAttribute("aria-expanded", String(Boolean(this.rework)));
  }

  toggleExplanation() {
    if (this.explanation) this.explanation.close();
    else this.explanation = new Explanation(this, () => (this.explanation = null));
    this.part("[data-do=explain]").setAttribute("aria-expanded", String(Boolean(this.explanation)));
  }

  // Engraves the tune as it is now, or another version; of several calls the last one counts.
  async engrave(abc = this.tune.abc) {
    this.asked?.abort();
    this.asked = new AbortController();
    const problem = this.part("[data-show=problem]");
    try {
      const body = { abc, semitones: this.semitones };
      const { tunes } = await api.post("/api/render", body, this.asked.signal);
      this.shown(tunes[0]);
      problem.hidden = true;
    } catch (error) {
      if (error.name === "AbortError") return;
      problem.textContent = error.message;
      problem.hidden = false;
    }
  }

  shown(shown) {
    takeUp(shown);
    showPicture(this.part(".wide"), shown.wide);
    showPicture(this.part(".narrow"), shown.narrow);
    this.show("rhythm_and_key", shown.rhythm_and_key);
    this.show("composer", shown.composer);
    this.part("[data-show=stanzas]").replaceChildren(
      ...shown.stanzas.map((lines) => {
        const stanza = document.createElement("p");
        stanza.className = "stanza";
        stanza.dir = "auto";
        stanza.textContent = lines.join("\n");
        return stanza;
      }),
    );
    if (!this.tune.id) {
      this.tune.title = shown.title;
      this.named();
    }
    this.bars = shown.bars;
    this.parts = shown.parts;
    this.data = shown.data;
    this.standFor(shown);
    this.rework?.engraved();
    this.surprise.engraved(shown.data.abc);
    this.explanation?.engraved();
  }

  // Makes the controls play what is shown.
  standFor(shown) {
    const controls = this.part(".controls");
    const tempo = this.stand && this.part("[data-control=tempo]").value;
    if (this.stand?.timer) this.stand.stop();
    // Fresh controls, without the listeners of the stand before.
    for (const old of controls.querySelectorAll("[data-control]")) old.replaceWith(old.cloneNode(true));
    const slider = this.part("[data-control=tempo]");
    slider.min = shown.slowest;
    slider.max = shown.fastest;
    slider.value = tempo || Math.round(shown.data.tempo);
    const select = this.part("[data-control=part]");
    select.replaceChildren(...shown.data.parts.map(({ name }, index) => new Option(name, index)));
    this.stand = new player.Stand(this.element, shown.data);
  }

  async change(changes) {
    this.tune = await api.patch(`/api/history/${this.tune.id}`, changes);
    this.named();
    return this.tune;
  }

  async bin() {
    const binned = !this.tune.binned;
    await this.change({ binned });
    this.leave();
    say(binned ? "The tune is in the bin." : "The tune is back.", { undo: true });
  }

  // Leaves the page, and the focus to the tune after it.
  leave() {
    if (this.stand?.timer) this.stand.stop();
    const next = this.element.nextElementSibling ?? this.element.previousElementSibling;
    const hadFocus = this.element.contains(document.activeElement);
    this.element.remove();
    this.on.onGone?.(this);
    if (hadFocus) (next?.querySelector("button:not([hidden])") ?? byId("main")).focus();
  }

  rename() {
    const heading = this.part("[data-show=title]");
    const field = document.createElement("input");
    field.value = this.tune.title;
    field.maxLength = 160;
    field.setAttribute("aria-label", "Title");
    heading.replaceChildren(field);
    field.select();
    let isOver = false;
    const finish = (keep) => {
      if (isOver) return;
      isOver = true;
      const title = field.value.trim();
      this.named();
      this.part("[data-do=rename]").focus();
      if (keep && title && title !== this.tune.title) {
        attempt(async () => {
          await this.change({ title });
          say("The title is changed.", { undo: true });
        });
      }
    };
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      // Or the button that then has the focus would be pressed too.
      event.preventDefault();
      finish(event.key === "Enter");
    });
    field.addEventListener("blur", () => finish(true));
  }

  async take(to) {
    const plain = to === "abc" ? {} : { semitones: this.semitones };
    await take(this.tune.abc, to, this.tune.title || "tune", plain);
  }

  async linkElsewhere() {
    for (const [name, link] of Object.entries(await linksElsewhere(this.tune.abc))) {
      this.part(`[data-elsewhere=${name}]`).href = link;
    }
  }

  async copyAbc() {
    await navigator.clipboard.writeText(this.plainAbc);
    say("The ABC is copied.");
  }

  async copyLink() {
    const link = await linkTo(this.tune.abc);
    await navigator.clipboard.writeText(link);
    say("A link that holds the tune is copied.");
  }

  print() {
    document.body.classList.add("one-tune");
    this.element.classList.add("printing");
    const after = () => {
      document.body.classList.remove("one-tune");
      this.element.classList.remove("printing");
    };
    addEventListener("afterprint", after, { once: true });
    print();
  }

  get plainAbc() {
    return withoutRecipe(this.tune.abc);
  }
}
