"use strict";

// Plays tunes: a stand for each, with its controls, sheet and cursor. No file is fetched, no sound
// sampled. Times in the data are in quarter notes from the start of a tune.
const player = (() => {
  const AHEAD = 0.2; // seconds of sound arranged beforehand
  const EVERY = 40; // milliseconds between two looks ahead
  const RELEASE = 0.04; // seconds in which a note that is let go falls silent
  const CONCERT_A = 69;
  const TONES = {
    bowed: { harmonics: [1, 0.6, 0.45, 0.3, 0.22, 0.16, 0.1, 0.06], attack: 0.04, decay: 0 },
    blown: { harmonics: [1, 0.35, 0.12, 0.05], attack: 0.03, decay: 0 },
    reed: { harmonics: [1, 0.7, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15], attack: 0.02, decay: 0 },
    plucked: { harmonics: [1, 0.6, 0.35, 0.2, 0.12, 0.07], attack: 0.004, decay: 0.45 },
    ringing: {
      harmonics: [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1],
      attack: 0.01,
      decay: 1.6,
    },
  };
  const LOUDNESS = { melody: 0.3, accompaniment: 0.1, drums: 0.2 };
  const ACCOMPANIMENT = 1; // kinds of notes; 0 is the melody
  const DRUMS = 2;
  // Strokes of drums, in seconds; the pitches of bass drums and toms in hertz.
  const STROKE = 0.4;
  const SNARE_DECAY = 0.08;
  const CYMBAL_DECAY = 0.03;
  const SNARES = [37, 38, 39, 40];
  const DRUM_PITCHES = { 35: 52, 36: 58, 41: 82, 43: 98, 45: 116, 47: 138, 48: 155, 50: 185 };

  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let audio = null;
  let playing = null; // the one tune that is heard

  // The sound card, opened when first needed: browsers allow it only after a key or a click.
  class Audio {
    constructor() {
      this.context = new AudioContext();
      this.out = this.context.createDynamicsCompressor();
      this.out.connect(this.context.destination);
      this.waves = {};
      for (const [name, tone] of Object.entries(TONES)) {
        const imaginary = new Float32Array([0, ...tone.harmonics]);
        const real = new Float32Array(imaginary.length);
        this.waves[name] = this.context.createPeriodicWave(real, imaginary);
      }
    }

    get now() {
      return this.context.currentTime;
    }

    get noise() {
      if (!this.hiss) {
        this.hiss = this.context.createBuffer(1, this.context.sampleRate * STROKE, this.context.sampleRate);
        const samples = this.hiss.getChannelData(0);
        for (let at = 0; at < samples.length; at += 1) samples[at] = 2 * Math.random() - 1;
      }
      return this.hiss;
    }

    // The stroke of a drum: a tone if it is a bass drum or a tom, else noise.
    stroke(drum, start, loudness) {
      const pitch = DRUM_PITCHES[drum];
      const source = pitch ? this.context.createOscillator() : this.context.createBufferSource();
      if (pitch) source.frequency.value = pitch;
      else source.buffer = this.noise;
      const gain = this.context.createGain();
      const decay = pitch || SNARES.includes(drum) ? SNARE_DECAY : CYMBAL_DECAY;
      gain.gain.setValueAtTime(loudness, start);
      gain.gain.setTargetAtTime(0, start, decay);
      source.connect(gain).connect(this.out);
      source.start(start);
      source.stop(start + STROKE);
      return () => {
        gain.disconnect();
        source.disconnect();
      };
    }

    // One note; returns a function that silences it before its time.
    sound(key, start, seconds, toneName, loudness) {
      const tone = TONES[toneName];
      const oscillator = this.context.createOscillator();
      const gain = this.context.createGain();
      const end = start + seconds;
      oscillator.setPeriodicWave(this.waves[toneName]);
      oscillator.frequency.value = 440 * 2 ** ((key - CONCERT_A) / 12);
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(loudness, start + Math.min(tone.attack, seconds / 2));
      if (tone.decay) gain.gain.setTargetAtTime(0, start + tone.attack, tone.decay);
      else gain.gain.setValueAtTime(loudness, Math.max(start + tone.attack, end - RELEASE));
      gain.gain.setTargetAtTime(0, end - RELEASE, RELEASE / 3);
      oscillator.connect(gain).connect(this.out);
      oscillator.start(start);
      oscillator.stop(end + RELEASE);
      return () => {
        gain.disconnect();
        oscillator.disconnect();
      };
    }
  }

  class Stand {
    constructor(article, tune) {
      this.article = article;
      this.tune = tune;
      this.cursor = article.querySelector(".cursor");
      this.sheet = article.querySelector(".sheet");
      this.button = this.control("play");
      this.timer = 0;
      this.frame = 0;
      this.marked = new Map(); // what is highlighted, by voice
      this.queue = []; // steps still to be shown, with their times
      this.sounds = []; // notes arranged, with their starts
      this.button.addEventListener("click", () => (this.timer ? this.stop() : this.play()));
      this.control("tempo").addEventListener("input", () => this.tempoChanged());
      this.control("shift")?.addEventListener("change", () => this.goOnFrom(this.position()));
      this.control("part").addEventListener("change", () => this.goOnFrom(this.range.from));
      this.tempoChanged();
    }

    control(name) {
      return this.article.querySelector(`[data-control="${name}"]`);
    }

    get range() {
      return this.tune.parts[Number(this.control("part").value)];
    }

    // Seconds that a quarter note takes.
    get quarter() {
      return 60 / (Number(this.control("tempo").value) * this.tune.beat);
    }

    tempoChanged() {
      const position = this.position();
      const tempo = this.control("tempo");
      this.control("tempo-shown").value = tempo.value;
      tempo.setAttribute("aria-valuetext", `${tempo.value} beats a minute`);
      this.goOnFrom(position);
    }

    play() {
      if (playing) playing.stop();
      audio ??= new Audio();
      audio.context.resume();
      playing = this;
      this.timer = setInterval(() => this.lookAhead(), EVERY);
      this.button.textContent = "Stop";
      this.button.setAttribute("aria-pressed", "true");
      this.goOnFrom(this.range.from);
      this.show();
    }

    stop() {
      clearInterval(this.timer);
      cancelAnimationFrame(this.frame);
      this.timer = 0;
      playing = null;
      this.silence();
      this.marked.forEach((elements) => elements.forEach((one) => one.classList.remove("sounding")));
      this.marked.clear();
      this.cursor.hidden = true;
      this.button.textContent = "Play";
      this.button.setAttribute("aria-pressed", "false");
    }

    silence() {
      this.sounds.forEach((sound) => sound.silence());
      this.sounds = [];
      this.queue = [];
    }

    // Where in the tune we are, in quarter notes.
    position() {
      if (!this.timer) return 0;
      const at = this.startQuarter + (audio.now - this.startTime) / this.playedQuarter;
      const { from, to } = this.range;
      return at < from ? Math.max(from, to - (from - at)) : at; // the next round is arranged already
    }

    // Arranges everything anew from a place in the tune, as the controls stand now.
    goOnFrom(position) {
      if (!this.timer) return;
      this.silence();
      this.begin(position, audio.now + 0.06);
      this.lookAhead();
    }

    begin(position, time) {
      this.startQuarter = position;
      this.startTime = time;
      this.playedQuarter = this.quarter;
      this.nextNote = this.tune.notes.findIndex(([onset]) => onset >= position - 1e-6);
      this.nextStep = this.tune.steps.findIndex(([onset]) => onset >= position - 1e-6);
    }

    timeOf(quarters) {
      return this.startTime + (quarters - this.startQuarter) * this.playedQuarter;
    }

    lookAhead() {
      const { from, to } = this.range;
      this.arrange(to);
      this.sounds = this.sounds.filter((sound) => sound.end > audio.now);
      if (this.timeOf(to) > audio.now + AHEAD) return;
      if (this.control("loop").checked) {
        this.begin(from, this.timeOf(to));
        this.arrange(to);
      } else if (this.timeOf(to) <= audio.now) {
        this.stop();
      }
    }

    arrange(to) {
      const until = audio.now + AHEAD;
      const shift = Number(this.control("shift")?.value ?? 0);
      const coming = (list, index) =>
        index >= 0 && index < list.length && list[index][0] < to && this.timeOf(list[index][0]) < until;
      for (; coming(this.tune.notes, this.nextNote); this.nextNote += 1) {
        const [onset, length, key, kind] = this.tune.notes[this.nextNote];
        const start = Math.max(this.timeOf(onset), audio.now);
        const seconds = kind === DRUMS ? STROKE : length * this.playedQuarter;
        const accompanies = kind === ACCOMPANIMENT;
        const tone = accompanies ? this.tune.accompaniment : this.tune.tone;
        const loudness = accompanies ? LOUDNESS.accompaniment : LOUDNESS.melody;
        const silence =
          kind === DRUMS
            ? audio.stroke(key, start, LOUDNESS.drums)
            : audio.sound(key + shift, start, seconds, tone, loudness);
        this.sounds.push({ end: start + seconds + RELEASE, silence });
      }
      for (; coming(this.tune.steps, this.nextStep); this.nextStep += 1) {
        const [onset, name] = this.tune.steps[this.nextStep];
        this.queue.push({ time: this.timeOf(onset), name });
      }
    }

    // Shows what is heard now, at every picture of the screen.
    show() {
      while (this.queue.length && this.queue[0].time <= audio.now) this.mark(this.queue.shift().name);
      this.frame = requestAnimationFrame(() => this.show());
    }

    mark(name) {
      const voice = name.split("b")[0];
      const found = [...this.sheet.querySelectorAll(`[data-note="${CSS.escape(name)}"]`)];
      this.marked.get(voice)?.forEach((element) => element.classList.remove("sounding"));
      this.marked.set(voice, found);
      found.forEach((element) => element.classList.add("sounding"));
      const seen = found.find((element) => element.getClientRects().length);
      if (seen && voice === "v0") this.moveCursor(seen);
    }

    moveCursor(note) {
      const place = note.getBoundingClientRect();
      const bar = note.closest(".measure")?.getBoundingClientRect() ?? place;
      const sheet = this.sheet.getBoundingClientRect();
      this.cursor.hidden = false;
      this.cursor.style.left = `${place.left + place.width / 2 - sheet.left}px`;
      this.cursor.style.top = `${bar.top - sheet.top}px`;
      this.cursor.style.height = `${bar.height}px`;
      this.cursor.style.transform = "translateX(-50%)";
      if (bar.top < 0 || bar.bottom > innerHeight) {
        this.cursor.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
      }
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") playing?.stop();
  });
  return { Stand, stop: () => playing?.stop() };
})();
