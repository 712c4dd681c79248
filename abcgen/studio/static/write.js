// Writing: ABC beside its staff, with what the tune doctor says of each line.

import * as api from "./api.js";
import { Card } from "./cards.js";
import { attempt, byId, say } from "./page.js";

const PAUSE = 300; // milliseconds after the last letter
const START = "X:1\nT:Untitled\nR:reel\nM:4/4\nL:1/8\nK:D\n|: DFAF d2 cB | ABAF E4 :|\n";
const KINDS = { error: "cannot be read", bar: "wrong bar", repair: "put right", inference: "inferred" };

export class Writing {
  constructor() {
    this.field = byId("abc");
    this.id = null; // of the tune in the history that is edited
    this.typed = 0;
    this.card = null;
    this.field.addEventListener("input", () => this.later());
    this.field.addEventListener("scroll", () => (byId("gutter").scrollTop = this.field.scrollTop));
    byId("fresh").addEventListener("click", () => this.open({ abc: START }));
    byId("save").addEventListener("click", () => attempt(() => this.keep()));
  }

  // Opens a tune; one of the history is changed by keeping it.
  open({ id = null, abc, title = "" }) {
    this.id = id;
    this.field.value = abc;
    byId("editor-title").textContent = id ? `ABC of ${title || "a tune"}` : "ABC";
    byId("save").textContent = id ? "Save" : "Keep";
    this.look();
  }

  begin() {
    if (!this.field.value) this.open({ abc: START });
  }

  later() {
    clearTimeout(this.typed);
    this.number([]);
    this.typed = setTimeout(() => this.look(), PAUSE);
  }

  async look() {
    const abc = this.field.value;
    this.asked?.abort();
    this.asked = new AbortController();
    await attempt(async () => {
      const { messages } = await api.post("/api/check", { abc }, this.asked.signal);
      this.say(messages);
      if (messages.some(({ kind }) => kind === "error")) return;
      if (this.card) {
        this.card.tune = { abc };
        await this.card.engrave();
      } else {
        this.card = new Card({ abc });
        byId("written").replaceChildren(this.card.element);
      }
    });
  }

  say(messages) {
    const problems = messages.filter(({ kind }) => kind === "error" || kind === "bar");
    const lines = new Set(problems.map(({ line }) => line)).size;
    byId("doctor-summary").textContent = lines
      ? `${lines === 1 ? "A line needs" : `${lines} lines need`} a look.`
      : "Every bar adds up.";
    byId("doctor").replaceChildren(
      ...messages.map(({ line, kind, text }) => {
        const item = document.createElement("li");
        const button = document.createElement("button");
        const place = document.createElement("strong");
        button.type = "button";
        item.className = kind;
        place.textContent = `Line ${line}, ${KINDS[kind]}:`;
        button.append(place, text);
        button.addEventListener("click", () => this.goTo(line));
        item.append(button);
        return item;
      }),
    );
    this.number(problems);
  }

  // Numbers the lines, and marks those with problems.
  number(problems) {
    const bad = new Set(problems.map(({ line }) => line));
    const count = this.field.value.split("\n").length;
    byId("gutter").replaceChildren(
      ...Array.from({ length: count }, (_, index) => {
        const number = document.createElement("div");
        number.textContent = bad.has(index + 1) ? `● ${index + 1}` : String(index + 1);
        number.className = bad.has(index + 1) ? "bad" : "";
        return number;
      }),
    );
    byId("gutter").scrollTop = this.field.scrollTop;
  }

  goTo(line) {
    const lines = this.field.value.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1);
    this.field.focus();
    this.field.setSelectionRange(start, start + lines[line - 1].length);
  }

  async keep() {
    const abc = this.field.value;
    if (this.id) {
      const tune = await api.patch(`/api/history/${this.id}`, { abc });
      byId("editor-title").textContent = `ABC of ${tune.title || "a tune"}`;
      say("The tune is saved.", { undo: true });
    } else {
      const tune = await api.post("/api/history", { abc, origin: "written" });
      this.open(tune);
      say("The tune is kept.");
    }
  }
}
