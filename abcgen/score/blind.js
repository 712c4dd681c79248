
// Keeps what is answered in this browser, and saves it as a file. What cannot be kept, because
// the browser is told to keep nothing, can still be saved before the page is left.
(() => {
  const saving = document.querySelector(".saving");
  const forms = [...document.querySelectorAll("form.answer")];
  const answered = document.getElementById("answered");
  const place = `abcgen blind test ${saving.dataset.test}`;

  function newListener() {
    const numbers = crypto.getRandomValues(new Uint8Array(8));
    return [...numbers].map((number) => number.toString(16).padStart(2, "0")).join("");
  }

  // What was answered before; other pages may have written anything there.
  function kept() {
    try {
      const found = JSON.parse(localStorage.getItem(place));
      if (/^[0-9a-f]{16}$/.test(found.listener) && Array.isArray(found.answers)) return found;
    } catch {
      // nothing is kept, or nothing that can be read
    }
    return { listener: newListener(), answers: [] };
  }

  function keep() {
    try {
      localStorage.setItem(place, JSON.stringify(answers()));
    } catch {
      // nothing is kept here
    }
  }

  const before = kept();
  let { listener } = before;

  function answers() {
    return {
      format: saving.dataset.format,
      version: 1,
      test: saving.dataset.test,
      listener,
      answers: forms.map(answersOf).filter((one) => Object.keys(one).length > 1),
    };
  }

  function answersOf(form) {
    const chosen = new FormData(form);
    const one = { tune: form.dataset.tune };
    if (chosen.has("by")) one.by = chosen.get("by");
    if (chosen.has("rating")) one.rating = Number(chosen.get("rating"));
    if (chosen.has("known")) one.known = chosen.get("known") === "yes";
    return one;
  }

  function fillIn(all) {
    for (const one of all) {
      const form = forms.find((each) => each.dataset.tune === one?.tune);
      if (!form) continue;
      if (one.by) form.elements.by.value = one.by;
      if (one.rating) form.elements.rating.value = String(one.rating);
      if (typeof one.known === "boolean") form.elements.known.value = one.known ? "yes" : "no";
    }
  }

  function count() {
    const done = forms.filter((form) => Object.keys(answersOf(form)).length === 4).length;
    answered.value = `${done} of ${forms.length} tunes answered`;
  }

  function save() {
    const file = new Blob([JSON.stringify(answers(), null, 1)], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `answers-${listener.slice(0, 6)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  function startAnew() {
    if (!confirm("Forget all answers, for another listener?")) return;
    forms.forEach((form) => form.reset());
    listener = newListener();
    keep();
    count();
    scrollTo(0, 0);
  }

  fillIn(before.answers);
  count();
  forms.forEach((form) => {
    form.addEventListener("change", () => {
      keep();
      count();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
  });
  document.getElementById("save").addEventListener("click", save);
  document.getElementById("anew").addEventListener("click", startAnew);
})();
