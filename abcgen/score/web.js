"use strict";

// Plays the tunes of this page, and copies their ABC. Everything is in the page.
(() => {
  const tunes = JSON.parse(document.getElementById("tunes").textContent);
  const said = document.getElementById("said");

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyByHand(text); // an older browser, or a page that may not use the clipboard
    }
    said.textContent = "";
    setTimeout(() => (said.textContent = "The ABC is copied."), 50);
  }

  function copyByHand(text) {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }

  const articles = document.querySelectorAll("article");
  articles.forEach((article, number) => {
    const { abc } = tunes[number];
    new player.Stand(article, tunes[number]);
    article.querySelector("[data-control=copy]")?.addEventListener("click", () => copy(abc));
  });
})();
