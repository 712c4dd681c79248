// Training: files and liked tunes to learn, how far it is, the learning curve, and stopping it.

import * as api from "./api.js";
import { attempt, byId, say } from "./page.js";

const EVERY = 1000; // milliseconds between two looks
const RUNNING = ["reading", "training", "stopping"];
const WORDS = {
  reading: "Reading the tunes",
  training: "Learning",
  stopping: "Stopping, and saving what is learnt",
  done: "Done",
  stopped: "Stopped",
  failed: "Not trained",
};
const [HEIGHT, EDGE] = [200, 34]; // of the curve

export class Training {
  // `onTrained` is called when there is a new network.
  constructor(onTrained) {
    this.onTrained = onTrained;
    this.form = byId("training");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(() => this.start());
    });
    byId("training-input").addEventListener("change", ({ target }) => this.bring(target.files));
    byId("training-clear").addEventListener("click", () => attempt(() => this.ask("DELETE", "/files")));
    byId("training-stop").addEventListener("click", () => attempt(() => this.ask("DELETE")));
  }

  async open() {
    await this.ask("GET");
  }

  async ask(method, path = "", body = undefined) {
    this.show(await api.call(method, `/api/training${path}`, body));
  }

  async bring(files) {
    for (const file of files) {
      await attempt(async () => {
        this.show(await api.upload(`/api/training/files?name=${encodeURIComponent(file.name)}`, file));
      });
    }
    byId("training-input").value = "";
  }

  async start() {
    const { name, minutes, network, liked } = this.form;
    await this.ask("POST", "", {
      name: name.value,
      minutes: Number(minutes.value),
      network: network.value,
      liked: liked.checked,
    });
    say("Training has begun.");
  }

  show(state) {
    const wasRunning = this.isRunning;
    this.isRunning = RUNNING.includes(state.phase);
    byId("training-files").replaceChildren(
      ...state.files.map(({ name }) => {
        const item = document.createElement("li");
        item.textContent = name;
        return item;
      }),
    );
    byId("training-clear").hidden = !state.files.length || this.isRunning;
    this.form.querySelector("[type=submit]").disabled = this.isRunning;
    byId("run").hidden = state.phase === "idle";
    byId("training-stop").hidden = !this.isRunning;
    byId("training-phase").textContent = `${state.name}: ${WORDS[state.phase] ?? ""}`;
    const problem = byId("training-problem");
    problem.hidden = !state.problem;
    problem.textContent = state.problem && api.sentence(state.problem);
    byId("training-messages").textContent = state.messages.join("\n");
    this.showProgress(state);
    if (wasRunning && !this.isRunning) attempt(() => this.ended(state));
    clearTimeout(this.waiting);
    if (this.isRunning) this.waiting = setTimeout(() => attempt(() => this.open()), EVERY);
  }

  showProgress({ phase, measured, minutes, seconds }) {
    const begun = measured.length > 0;
    const bar = byId("training-progress");
    bar.hidden = !this.isRunning;
    if (begun) bar.value = Math.min(1, (measured.at(-1).seconds || 0) / (60 * minutes));
    else bar.removeAttribute("value");
    const held = measured.filter(({ bits }) => bits !== null);
    const facts = [`${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`];
    if (begun) facts.push(`${measured.at(-1).epochs.toFixed(1)} times through the tunes`);
    if (held.length) {
      const best = Math.min(...held.map(({ bits }) => bits));
      facts.push(`held-out tunes: ${held[0].bits.toFixed(2)} bits a note before, ${best.toFixed(2)} at best`);
    } else if (begun) facts.push("too few tunes to hold any out");
    byId("training-facts").textContent = facts.join(" · ");
    const key = held.length ? "bits" : "training_bits";
    const points = measured.filter((one) => one[key] !== null).map((one) => [one.epochs, one[key]]);
    this.draw(points, held.length ? "bits a note of held-out tunes" : "bits a character of the tunes learnt");
    byId("training-done").hidden = !["done", "stopped"].includes(phase) || !begun;
  }

  // The learning curve: the fewer bits, the less the network is surprised.
  draw(points, what) {
    const place = byId("curve");
    place.toggleAttribute("hidden", points.length < 2);
    if (points.length < 2) return;
    const width = place.clientWidth || 600;
    place.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const [low, high] = [Math.min(...ys), Math.max(...ys)];
    const at = ([x, y]) => [
      EDGE + ((width - 2 * EDGE) * (x - xs[0])) / (xs.at(-1) - xs[0] || 1),
      EDGE + ((HEIGHT - 2 * EDGE) * (high - y)) / (high - low || 1),
    ];
    const element = (name, attributes, text = "") => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.textContent = text;
      return made;
    };
    const places = points.map(at);
    place.replaceChildren(
      element("line", { x1: EDGE, x2: width - EDGE, y1: HEIGHT - EDGE, y2: HEIGHT - EDGE, class: "axis" }),
      element("polyline", { points: places.map((one) => one.join()).join(" ") }),
      ...places.map(([cx, cy]) => element("circle", { cx, cy, r: 3.5 })),
      element("text", { x: EDGE, y: 16 }, `${high.toFixed(2)} ${what}`),
      element("text", { x: EDGE, y: HEIGHT - 10 }, `${low.toFixed(2)} at best, after ${xs[ys.indexOf(low)].toFixed(1)} times through the tunes`),
    );
    place.setAttribute("aria-label", `Learning curve: from ${ys[0].toFixed(2)} to ${low.toFixed(2)} ${what}`);
  }

  async ended(state) {
    say(state.problem ? api.sentence(state.problem) : `${state.name}: ${WORDS[state.phase]}.`);
    await this.onTrained();
  }
}
