// Reworking: bars of a tune are selected and drawn anew, heard in place, and chosen.

import * as api from "./api.js";
import { cover, measuresIn, uncover } from "./bars.js";
import { attempt, byId, say, showPicture, takeUp } from "./page.js";

const VERSIONS = 4;
const barOf = (name) => Number(name.match(/^v0b(\d+)n/)?.[1] ?? -1);

export class Rework {
  constructor(card, onClose) {
    this.card = card;
    this.onClose = onClose;
    this.first = this.last = 0;
    this.panel = byId("rework-panel").content.firstElementChild.cloneNode(true);
    this.place = card.part(".rework");
    this.place.replaceChildren(this.panel);
    this.place.hidden = false;
    this.place.setAttribute("aria-label", `Rework ${card.tune.title}`);
    this.sheet = card.part(".sheet");
    this.listeners = new AbortController();
    this.listen();
    this.engraved();
    this.select(0, Math.min(3, this.count - 1));
    this.sheet.focus();
  }

  part(selector) {
    return this.panel.querySelector(selector);
  }

  get count() {
    return this.card.bars?.length ?? 0;
  }

  listen() {
    const { signal } = this.listeners;
    this.sheet.tabIndex = 0;
    this.sheet.setAttribute("role", "group");
    this.sheet.setAttribute("aria-label", "Bars: the arrow keys move, with Shift they select");
    this.sheet.classList.add("selecting");
    this.sheet.addEventListener("keydown", (event) => this.key(event), { signal });
    this.sheet.addEventListener("pointerdown", (event) => this.press(event), { signal });
    this.sheet.addEventListener("pointermove", (event) => this.drag(event), { signal });
    this.sheet.addEventListener("pointerup", (event) => this.release(event), { signal });
    this.sheet.addEventListener("pointercancel", () => (this.pressed = null), { signal });
    addEventListener("resize", () => this.mark(), { signal });
    for (const name of ["first", "last"]) {
      this.part(`[data-bar=${name}]`).addEventListener("change", () => {
        const [first, last] = ["first", "last"].map((one) => Number(this.part(`[data-bar=${one}]`).value));
        this.select(...(name === "first" ? [first, Math.max(first, last)] : [Math.min(first, last), last]));
      });
    }
    const actions = {
      rewrite: () => this.rewriteSelected(),
      tonic: () => this.versions("rewrite", { end_on_tonic: true }, "the ending"),
      part: (name) => this.versions("rewrite", { part: name }, `part ${name}`),
      vary: () => this.versions("rewrite", {}, "the tune"),
      chords: () => this.versions("harmonise", {}, "the chords"),
      voice: () => this.versions("harmonise", { voices: this.part("[data-rework=voices]").value }, "the voices"),
      close: () => this.card.toggleRework(),
    };
    this.panel.addEventListener("click", (event) => {
      const { rework, part } = event.target.closest("button")?.dataset ?? {};
      if (actions[rework]) attempt(() => actions[rework](part));
    });
  }

  // A button for a new version of each part.
  offerParts() {
    const parts = this.card.parts ?? [];
    this.part("[data-show=parts]").replaceChildren(
      ...(parts.length > 1 ? parts : []).map((name) => {
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.rework = "part";
        button.dataset.part = name;
        button.textContent = `New ${name} part`;
        return button;
      }),
    );
  }

  rewriteSelected() {
    return this.versions("rewrite", { bars: [[this.first, this.last]] }, this.named);
  }

  // The tune has been engraved anew.
  engraved() {
    this.offerParts();
    for (const name of ["first", "last"]) {
      const select = this.part(`[data-bar=${name}]`);
      select.replaceChildren(...(this.card.bars ?? []).map((number, index) => new Option(number, index)));
    }
    this.select(this.first, this.last);
  }

  select(first, last) {
    this.first = first;
    this.last = last;
    this.part("[data-bar=first]").value = first;
    this.part("[data-bar=last]").value = last;
    this.mark();
  }

  get named() {
    const { bars } = this.card;
    const [first, last] = [bars?.[this.first], bars?.[this.last]];
    return first === last ? `bar ${first}` : `bars ${first} to ${last}`;
  }

  // Colours the selected bars.
  mark() {
    uncover(this.sheet, "selection");
    for (const measure of measuresIn(this.sheet).slice(this.first, this.last + 1)) {
      cover(this.sheet, measure, "selection");
    }
  }

  // The bar at a place on the screen, or the nearest.
  barAt({ clientX: x, clientY: y }) {
    const away = (low, high, at) => Math.max(low - at, 0, at - high);
    let [best, least] = [0, Infinity];
    measuresIn(this.sheet).forEach((measure, index) => {
      const { left, right, top, bottom } = measure.getBoundingClientRect();
      const distance = away(left, right, x) + 3 * away(top, bottom, y);
      if (distance < least) [best, least] = [index, distance];
    });
    return best;
  }

  // A mouse selects at once. A finger may scroll: it selects by a tap, or by moving to other bars.
  press(event) {
    if (event.button !== 0) return;
    this.pressed = this.barAt(event);
    this.dragged = false;
    if (event.pointerType === "touch") return;
    event.preventDefault();
    this.sheet.focus();
    this.sheet.setPointerCapture(event.pointerId);
    this.select(this.pressed, this.pressed);
  }

  drag(event) {
    if (this.pressed == null) return;
    const bar = this.barAt(event);
    if (event.pointerType === "touch" && bar === this.pressed && !this.dragged) return;
    this.dragged = true;
    this.select(Math.min(bar, this.pressed), Math.max(bar, this.pressed));
  }

  release(event) {
    if (event.pointerType === "touch" && this.pressed != null && !this.dragged) this.tap(this.pressed);
    this.pressed = null;
  }

  // The first tap selects a bar, the next all from there to the bar tapped.
  tap(bar) {
    if (this.tapped == null) this.select(bar, bar);
    else this.select(Math.min(bar, this.tapped), Math.max(bar, this.tapped));
    this.tapped = this.tapped == null ? bar : null;
    say(`${this.named} selected`.replace("b", "B"));
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 4, ArrowUp: -4 }[event.key];
    if (event.key === "Enter") attempt(() => this.rewriteSelected());
    if (!step) return;
    event.preventDefault();
    const inside = (bar) => Math.max(0, Math.min(this.count - 1, bar));
    if (event.shiftKey) this.select(this.first, Math.max(this.first, inside(this.last + step)));
    else this.select(inside(this.first + step), inside(this.first + step));
    this.part("[data-show=progress]").textContent = "";
    say(`${this.named} selected`.replace("b", "B"));
  }

  // Asks for versions of the tune, such as with some bars drawn anew, and shows them.
  async versions(work, wishes, named) {
    if (this.isBusy) return;
    this.isBusy = true;
    const list = this.part(".versions");
    list.replaceChildren();
    list.hidden = false;
    const progress = this.part("[data-show=progress]");
    progress.textContent = `Writing ${named}…`;
    const temperature = Number(byId("wishes").temperature.value);
    const body = { ...wishes, abc: this.card.plainAbc, count: VERSIONS, temperature };
    if (work === "rewrite") body.network = byId("wishes").network.value;
    this.span = null; // the bars that are new
    try {
      await api.stream(`/api/${work}`, body, (event) => this.hear(event, list), this.listeners.signal);
      progress.textContent = list.children.length ? "" : "No other version was found; try again, or bolder.";
      say(`${list.children.length} versions of ${named}.`);
    } catch (error) {
      progress.textContent = "";
      throw error;
    } finally {
      this.isBusy = false;
    }
  }

  hear(event, list) {
    const progress = this.part("[data-show=progress]");
    if (event.event === "queued" && event.position > 1) {
      progress.textContent = `Position ${event.position} of ${event.of}`;
    } else if (event.event === "error") {
      throw new Error(api.sentence(event.message, event.hint));
    } else if (event.event === "start") {
      this.span = event.span;
      if (event.span) this.select(...event.span);
    } else if (event.event === "tune") {
      this.offer(event, list, this.span);
    }
  }

  // Shows a version, to be heard and chosen.
  offer({ abc, excerpt }, list, span) {
    const item = byId("version").content.firstElementChild.cloneNode(true);
    const name = `version ${list.children.length + 1}`;
    item.querySelector(".picture").setAttribute("aria-label", `The bars of ${name}`);
    item.querySelector("[data-rework=hear]").setAttribute("aria-label", `Hear ${name} in place`);
    item.querySelector("[data-rework=choose]").setAttribute("aria-label", `Choose ${name}`);
    item.addEventListener("click", (event) => {
      const action = event.target.closest("button")?.dataset.rework;
      if (action === "hear") attempt(() => this.play(abc, item, span));
      if (action === "choose") attempt(() => this.choose(abc));
    });
    list.append(item);
    attempt(async () => {
      const picture = await api.post("/api/render", { abc: excerpt, draft: true, narrow: true });
      takeUp(picture);
      showPicture(item.querySelector(".picture"), picture.svg);
    });
  }

  // Shows a version in the tune, and plays it: new bars with the bar before them.
  async play(abc, item, span) {
    for (const one of this.part(".versions").children) one.classList.toggle("heard", one === item);
    await this.card.engrave(abc);
    if (!span) {
      this.card.stand.play();
      return;
    }
    const [first, last] = span;
    this.select(first, last);
    const { steps, parts } = this.card.data;
    const begin = steps.findIndex(([, name]) => barOf(name) >= Math.max(0, first - 1));
    if (begin < 0) return;
    const inside = (name) => barOf(name) < 0 || (barOf(name) >= first - 1 && barOf(name) <= last);
    const after = steps.slice(begin).find(([, name]) => !inside(name));
    parts.push({ name: "Rewritten bars", from: steps[begin][0], to: after?.[0] ?? parts[0].to });
    const select = this.card.part("[data-control=part]");
    select.add(new Option("Rewritten bars", parts.length - 1));
    select.value = String(parts.length - 1);
    this.card.stand.play();
  }

  async choose(abc) {
    await this.card.change({ abc });
    this.card.toggleRework();
    say("The version is in the tune.", { undo: true });
  }

  // Shows the tune as it is, and goes.
  close() {
    this.listeners.abort();
    this.sheet.removeAttribute("tabindex");
    this.sheet.removeAttribute("role");
    this.sheet.removeAttribute("aria-label");
    this.sheet.classList.remove("selecting");
    uncover(this.sheet, "selection");
    this.place.hidden = true;
    this.place.replaceChildren();
    this.onClose();
    this.card.engrave();
    this.card.part("[data-do=rework]").focus();
  }
}
