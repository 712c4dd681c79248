// Composing: the wishes, the tunes as they are written, and those that were.

import * as api from "./api.js";
import { charactersIn } from "./explain.js";
import { attempt, byId, say, showPicture, takeUp } from "./page.js";
import { withoutRecipe } from "./share.js";

const NUMBERS = ["bars", "temperature", "keep_bars", "seed", "level", "max_leap"];
const narrow = matchMedia("(width < 40rem)");

export class Composing {
  // `makeCard` makes a card of a tune in the history.
  constructor(makeCard) {
    this.makeCard = makeCard;
    this.form = byId("wishes");
    this.list = byId("composed");
    this.prime = null;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.compose(Number(event.submitter?.value || 1));
    });
    byId("no-prime").addEventListener("click", () => this.goOnFrom(null));
    // Who types a seed wants it.
    this.form.seed.addEventListener("input", () => (this.form.lock.checked = this.form.seed.value !== ""));
  }

  async fillIn() {
    const { rhythms, instruments, ranges, scales, levels, ragas, moods } = await api.get("/api/choices");
    for (const [id, names] of Object.entries({ ranges, scales })) {
      byId(id).append(...names.map((name) => new Option(name)));
    }
    for (const [level, meaning] of Object.entries(levels)) {
      this.form.level.add(new Option(`${level}: ${meaning}`, level));
    }
    for (const [field, names] of Object.entries({ rhythm: rhythms, raga: ragas, mood: moods })) {
      for (const name of names) this.form[field].add(new Option(name));
    }
    for (const name of instruments) this.form.instrument.add(new Option(name.replaceAll("-", " "), name));
    await this.listNetworks();
  }

  // Fills the choices of networks, here and where one is trained.
  async listNetworks() {
    const { networks } = await api.get("/api/networks");
    for (const select of [this.form.network, byId("training").network]) {
      const chosen = select.value;
      select.replaceChildren(select.options[0]);
      for (const { name, problem, bits_per_note: bits } of networks) {
        if (problem) continue;
        select.add(new Option(bits ? `${name} (${bits.toFixed(2)} bits a note)` : name, name));
      }
      select.value = chosen;
    }
  }

  // Continues this tune from now on, or none.
  goOnFrom(tune) {
    this.prime = tune && withoutRecipe(tune.abc);
    byId("prime").hidden = !tune;
    if (!tune) return;
    byId("prime").querySelector("[data-show=title]").textContent = tune.title || "Untitled";
    this.form.keep_bars.focus();
  }

  wishes(count) {
    const wishes = { count };
    for (const [name, value] of new FormData(this.form)) {
      if (value === "" || name === "lock") continue;
      if (name === "seed" && !this.form.lock.checked) continue;
      if (name === "keep_bars" && !this.prime) continue;
      wishes[name] = NUMBERS.includes(name) ? Number(value) : value === "on" || value;
    }
    return this.prime ? { ...wishes, prime: this.prime } : wishes;
  }

  async compose(count) {
    const batch = new Batch(count, this);
    this.list.querySelector(".invitation")?.remove();
    this.list.prepend(batch.element);
    if (narrow.matches) batch.element.scrollIntoView({ block: "start" });
    say(count > 1 ? `Composing ${count} tunes.` : "Composing a tune.");
    await batch.run(this.wishes(count));
  }
}

// The tunes of one request: those that are done, and after them the one being written.
class Batch {
  constructor(count, composing) {
    this.count = count;
    this.composing = composing;
    this.element = document.createElement("div");
    this.element.className = "list";
    this.draft = byId("draft-card").content.firstElementChild.cloneNode(true);
    this.element.append(this.draft);
    this.stop = new AbortController();
    this.draft.querySelector("[data-do=cancel]").addEventListener("click", () => this.stop.abort());
    this.done = 0;
    this.abc = ""; // of the draft, when it is newer than its picture
    this.isDrawing = false;
    this.failed = false;
  }

  status(text) {
    this.draft.querySelector("[data-show=status]").textContent = text;
  }

  async run(wishes) {
    try {
      await api.stream("/api/sample", wishes, (event) => this.hear(event), this.stop.signal);
      if (this.failed) return;
      say(this.done === 1 ? "A tune is composed." : `${this.done} tunes are composed.`);
    } catch (error) {
      if (error.name === "AbortError") say("Cancelled.");
      else this.error({ message: error.message.replace(/\.$/, "") });
    }
    if (!this.failed) this.draft.remove();
    this.draft.removeAttribute("aria-busy");
  }

  hear(event) {
    const heard = {
      queued: () => this.queued(event),
      start: () => this.start(event),
      restarted: () => this.status("The network's process ended; it is started again"),
      draft: () => this.written(event),
      tune: () => this.tune(event),
      error: () => this.error(event),
    };
    heard[event.event]?.();
  }

  queued({ position, of }) {
    this.status(position > 1 ? `Position ${position} of ${of}` : "Starting");
  }

  start({ seed, candidates, warnings }) {
    this.candidates = candidates;
    this.composing.form.seed.value = seed;
    this.seed = seed;
    this.writing();
    if (warnings.length) say(api.sentence(warnings.join("; ")));
  }

  writing() {
    const which = this.count > 1 ? `Tune ${Math.min(this.done + 1, this.count)} of ${this.count}` : "Writing";
    const drafts = this.candidates > 1 ? `: the first of ${this.candidates} drafts, of which the best is kept` : "";
    this.status(which + drafts);
  }

  written({ abc, steps, number }) {
    this.abc = abc;
    if (steps) this.explain(steps, number);
    if (!this.isDrawing) this.draw();
  }

  // Shows what the network expected of the newest characters, as long as no other is chosen.
  explain(steps, number) {
    this.characters ??= charactersIn(this.draft.querySelector(".explain"));
    if (this.number !== number) this.characters.clear();
    this.number = number;
    const atEnd = Number(this.characters.slider.value) >= this.characters.steps.length - 1;
    this.characters.add(steps);
    if (atEnd) this.characters.choose(this.characters.steps.length - 1);
  }

  // Draws the newest draft, as long as there are newer ones.
  async draw() {
    this.isDrawing = true;
    while (this.abc && this.draft.isConnected) {
      const { abc } = this;
      this.abc = "";
      const body = { abc, draft: true, narrow: narrow.matches };
      try {
        const picture = await api.post("/api/render", body, this.stop.signal);
        takeUp(picture);
        if (this.draft.isConnected) showPicture(this.draft.querySelector(".picture"), picture.svg);
      } catch {
        // The next draft may be drawn, and the tune is drawn by its own card.
      }
    }
    this.isDrawing = false;
  }

  tune({ tune, shared_bars: bars, nearest, number }) {
    this.done += 1;
    this.abc = "";
    const facts = [`Seed ${this.seed}`];
    if (this.candidates > 1) facts.push(`draft ${(number % this.candidates) + 1} of ${this.candidates}`);
    if (bars) facts.push(`shares ${Number(bars.toFixed(1))} bars with “${nearest}”`);
    const card = this.composing.makeCard(tune, facts.join(" · "));
    this.draft.before(card.element);
    this.draft.querySelector(".picture").replaceChildren();
    if (this.done < this.count) this.writing();
    else this.draft.hidden = true;
  }

  error({ message, hint }) {
    this.failed = true;
    this.draft.hidden = false;
    const problem = this.draft.querySelector("[data-show=problem]");
    problem.textContent = api.sentence(message, hint);
    problem.hidden = false;
    byId("alarm").textContent = problem.textContent;
    this.draft.querySelector("h3").textContent = "Not composed";
    this.draft.querySelector(".sheet").remove();
    this.status("");
    const button = this.draft.querySelector("[data-do=cancel]");
    button.textContent = "Dismiss";
    button.addEventListener("click", () => attempt(() => this.draft.remove()));
  }
}
