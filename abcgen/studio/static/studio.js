// Joins the views, and opens what the address names.

import * as api from "./api.js";
import { Card } from "./cards.js";
import { Composing } from "./compose.js";
import { attempt, byId, complain, say } from "./page.js";
import { tuneIn, withoutRecipe } from "./share.js";
import { Training } from "./train.js";
import { Tunes } from "./tunes.js";
import { Writing } from "./write.js";

const VIEWS = ["compose", "tunes", "write", "train"];
const SHOWN = 3; // tunes of the history under the wishes

const composing = new Composing(makeCard);
const tunes = new Tunes(makeCard);
const writing = new Writing();
const training = new Training(() => composing.listNetworks());

function makeCard(tune, fact = "") {
  return new Card(tune, {
    fact,
    onEdit: (edited) => {
      writing.open({ ...edited, abc: withoutRecipe(edited.abc) });
      location.hash = "#write";
    },
    onContinue: (begun) => {
      location.hash = "#compose";
      show("compose");
      composing.goOnFrom(begun);
    },
  });
}

function show(view) {
  player.stop();
  for (const name of VIEWS) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view[0].toUpperCase()}${view.slice(1)} · abcgen studio`;
}

async function route() {
  if (location.hash.startsWith("#abc=")) {
    show("write");
    await attempt(async () => writing.open({ abc: await tuneIn(location.hash) }));
    return;
  }
  const name = location.hash.slice(1);
  // A link within the page, such as that past the header, changes no view.
  if (name && !VIEWS.includes(name)) return;
  const view = name || "compose";
  show(view);
  if (view === "tunes") await attempt(() => tunes.open());
  if (view === "write") writing.begin();
  if (view === "train") await attempt(() => training.open());
  if (view === "compose") await attempt(remember);
}

// Shows the latest tunes under the wishes, until there are new ones.
async function remember() {
  const list = byId("composed");
  if (list.querySelector(".tune")) return;
  const { tunes: latest } = await api.get("/api/history");
  if (list.querySelector(".tune")) return;
  list.replaceChildren(...latest.slice(0, SHOWN).map((tune) => makeCard(tune).element));
  if (latest.length) return;
  const invitation = document.createElement("p");
  invitation.className = "invitation";
  invitation.textContent = "Your tunes will appear here, note by note.";
  list.append(invitation);
}

async function undo() {
  await attempt(async () => {
    const tune = await api.post("/api/undo");
    say(`Undone: ${tune.title || "Untitled"} is as it was.`);
    const cards = Card.all(tune.id);
    cards.forEach((card) => card.update(tune));
    if (!byId("tunes").hidden) await tunes.open();
    else if (!cards.length && !byId("compose").hidden) byId("composed").prepend(makeCard(tune).element);
  });
}

byId("undo").addEventListener("click", undo);
byId("toast-undo").addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches?.("input, textarea, select");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !isTyping) {
    event.preventDefault();
    undo();
  }
});

// Files dropped anywhere.
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    byId("drop").hidden = false;
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) byId("drop").hidden = true;
});
addEventListener("drop", (event) => {
  event.preventDefault();
  byId("drop").hidden = true;
  const { files } = event.dataTransfer;
  if (byId("train").hidden) tunes.bring(files);
  else training.bring(files);
});

addEventListener("hashchange", route);
addEventListener("unhandledrejection", (event) => complain(event.reason));
await route();
await attempt(() => composing.fillIn());
