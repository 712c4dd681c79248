// What all views share: what is said to people, the sheet music of the page, files to take away.

import * as api from "./api.js";

export const byId = (id) => document.getElementById(id);

let hiding = 0;

// Says something to everyone: for a while in a corner, and to screen readers.
export function say(text, { undo = false } = {}) {
  byId("said").textContent = text;
  byId("toast-undo").hidden = !undo;
  byId("toast").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (byId("toast").hidden = true), undo ? 10_000 : 6_000);
}

// Says what went wrong.
export function complain(error) {
  if (error.name === "AbortError") return;
  say(error.message);
  byId("alarm").textContent = error.message;
}

// Does something that may go wrong.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    complain(error);
    return undefined;
  }
}

// Takes up the glyphs and rules of a picture, which all pictures share.
const rules = new CSSStyleSheet();
document.adoptedStyleSheets = [rules];

function svgOf(text) {
  const { documentElement } = new DOMParser().parseFromString(text, "image/svg+xml");
  if (documentElement.nodeName !== "svg") throw new Error("The picture cannot be shown.");
  return document.importNode(documentElement, true);
}

export function takeUp(shown) {
  if (!rules.cssRules.length) rules.replaceSync(shown.rules);
  const glyphs = byId("glyphs");
  for (const [name, shape] of Object.entries(shown.glyphs)) {
    if (byId(name)) continue;
    const svg = svgOf(`<svg xmlns="http://www.w3.org/2000/svg"><g>${shape}</g></svg>`);
    svg.firstChild.id = name;
    glyphs.append(svg.firstChild);
  }
}

export function showPicture(place, svg) {
  place.replaceChildren(svgOf(svg));
}

// Saves a file.
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const ENDINGS = { midi: "mid" };

export async function take(abc, to, name, more = {}) {
  const plain = name.replace(/[^\p{L}\p{N} _-]+/gu, "").trim().slice(0, 60) || "tune";
  save(await api.file({ abc, to, ...more }), `${plain}.${ENDINGS[to] ?? to}`);
  say(`${to === "html" ? "The web page" : to.toUpperCase()} is saved.`);
}

// Menus close when something else is chosen.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target) || event.target.closest(".choices")) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
