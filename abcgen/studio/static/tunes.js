// The history: search, shelves, pages, files brought, and the book of the liked ones.

import * as api from "./api.js";
import { attempt, byId, say, take } from "./page.js";

const PAUSE = 250; // milliseconds after the last letter of a search
const MOST_IN_BOOK = 200;

export class Tunes {
  constructor(makeCard) {
    this.makeCard = makeCard;
    this.list = byId("kept");
    this.last = null;
    let typed = 0;
    byId("search").addEventListener("input", () => {
      clearTimeout(typed);
      typed = setTimeout(() => attempt(() => this.open()), PAUSE);
    });
    for (const shelf of document.getElementsByName("shelf")) {
      shelf.addEventListener("change", () => attempt(() => this.open()));
    }
    byId("older").addEventListener("click", () => attempt(() => this.older()));
    byId("files").addEventListener("change", (event) => this.bring(event.target.files));
    for (const button of document.querySelectorAll("[data-book]")) {
      button.addEventListener("click", () => attempt(() => this.book(button.dataset.book)));
    }
  }

  query(before, shelf = document.querySelector("[name=shelf]:checked").value) {
    const query = new URLSearchParams({ shelf, search: byId("search").value });
    if (before) query.set("before", before);
    return `/api/history?${query}`;
  }

  async open() {
    const page = await api.get(this.query());
    this.list.replaceChildren();
    this.add(page);
    if (!page.tunes.length) {
      const none = document.createElement("p");
      none.className = "invitation";
      none.textContent = byId("search").value ? "No tune has these words." : "No tunes here yet.";
      this.list.append(none);
    }
  }

  async older() {
    this.add(await api.get(this.query(this.last)));
  }

  add({ tunes, more }) {
    this.list.append(...tunes.map((tune) => this.makeCard(tune).element));
    this.last = tunes.at(-1)?.id;
    byId("older").hidden = !more;
  }

  // Reads files, and keeps their tunes.
  async bring(files) {
    for (const file of files) {
      await attempt(async () => {
        const name = encodeURIComponent(file.name);
        const { tunes, left_out: leftOut } = await api.upload(`/api/read?name=${name}`, file);
        for (const { abc } of tunes.toReversed()) await api.post("/api/history", { abc });
        const missing = leftOut.length ? `; ${leftOut.length} could not be read, the first because: ${leftOut[0].reason}` : "";
        say(`${tunes.length} ${tunes.length === 1 ? "tune" : "tunes"} from ${file.name}${missing}.`);
      });
    }
    byId("files").value = "";
    location.hash = "#tunes";
    await attempt(() => this.open());
  }

  async book(to) {
    const tunes = [];
    for (let before = ""; tunes.length < MOST_IN_BOOK; ) {
      const page = await api.get(this.query(before, "liked").replace(/search=[^&]*/, "search="));
      tunes.push(...page.tunes);
      if (!page.more) break;
      before = page.tunes.at(-1).id;
    }
    if (!tunes.length) {
      say("Like some tunes first.");
      return;
    }
    const abc = tunes.slice(0, MOST_IN_BOOK).toReversed().map((tune) => tune.abc.trim()).join("\n\n");
    await take(`${abc}\n`, to, "Tunes I like", { title: "Tunes I like" });
  }
}
