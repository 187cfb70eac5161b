// The moving part of the tab "Points". It asks the server for a frame, draws it, and only then asks for the next one:
// so nothing piles up, and a page that nobody shows any more trains nothing.

import { paint, palette } from "fastnn-playground/colours.js";
import * as drawing from "fastnn-playground/drawing.js";
import { unpack } from "fastnn-playground/frames.js";

const PATIENCE = 600; // milliseconds, after which the page says what takes so long
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const percent = (part) => (part === null ? "–" : `${Math.round(100 * part)} %`);
const number = (value) => (value === null ? "–" : value >= 1e4 ? value.toExponential(1) : value.toFixed(4));

export default {
  template: `
    <div class="board">
      <p ref="message" class="board-message" role="status" aria-live="polite"></p>
      <section class="board-network">
        <h2>Network</h2>
        <canvas ref="network" role="img" @pointermove="point" @pointerdown="point" @pointerleave="select(null)"></canvas>
        <p class="board-hint">A line's width is the size of a weight; dashed blue ones are negative. Each picture is what
          a neuron makes of every place of the plane: point at one to see it large.</p>
      </section>
      <section class="board-output">
        <h2 ref="title">Output</h2>
        <canvas ref="plane" class="board-plane" tabindex="0" role="img" @click="put" @keydown="move"
          @focus="focus" @blur="blur"></canvas>
        <p class="board-key">
          <span><svg viewBox="0 0 10 10"><circle cx="5" cy="5" r="4" :fill="colours.class0" /></svg>class 0</span>
          <span><svg viewBox="0 0 10 10"><rect x="1" y="1" width="8" height="8" :fill="colours.class1" /></svg>class 1</span>
          <span><svg viewBox="0 0 10 10"><circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" stroke-width="1.6" />
            </svg>hollow: test</span>
        </p>
        <h2>Loss</h2>
        <canvas ref="losses" class="board-losses" role="img" aria-label="Loss over the epochs"></canvas>
        <table class="board-numbers">
          <thead><tr><td></td><th scope="col">loss</th><th scope="col">accuracy</th></tr></thead>
          <tbody>
            <tr><th scope="row"><i class="line-train"></i>train</th><td ref="train"></td><td ref="train_accuracy"></td></tr>
            <tr><th scope="row"><i class="line-test"></i>test</th><td ref="test"></td><td ref="test_accuracy"></td></tr>
          </tbody>
        </table>
        <p class="board-count">epoch <b ref="epoch">0</b>, step <b ref="steps">0</b></p>
      </section>
    </div>`,

  props: { source: String, playing: Boolean, own: Boolean, colours: Object },

  mounted() {
    this.frame = null;
    this.selected = null; // the neuron whose picture is shown large
    this.cross = null; // where the keyboard would put a point
    this.asked = true;
    this.drawn = 0; // frames, for the tests
    this.redraw = () => this.frame && this.draw();
    this.sizes = new ResizeObserver(this.redraw);
    this.sizes.observe(this.$el);
    dark.addEventListener("change", this.redraw);
    this.loop();
  },

  unmounted() {
    this.ended = true;
    this.sizes.disconnect();
    dark.removeEventListener("change", this.redraw);
  },

  watch: {
    playing() {
      this.refresh();
    },
  },

  methods: {
    // Get a new frame, even if nothing is playing.
    refresh() {
      this.asked = true;
      this.wake?.();
    },

    async loop() {
      while (!this.ended) {
        if (!this.asked && !this.playing) await new Promise((resolve) => (this.wake = resolve));
        this.asked = false;
        try {
          await this.next();
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 1000)); // the server has ended, or is busy
        }
        await new Promise(requestAnimationFrame);
      }
    },

    async next() {
      const slow = setTimeout(() => this.say("Preparing this network: kernels are compiled once, for some seconds."), PATIENCE);
      try {
        const answer = await fetch(this.source, { method: "POST" });
        if (!answer.ok) throw new Error(answer.statusText);
        this.frame = unpack(await answer.arrayBuffer());
      } finally {
        clearTimeout(slow);
      }
      this.draw();
      this.drawn += 1;
      this.$el.dataset.drawn = this.drawn;
      if (this.frame.stopped) this.$emit("stopped");
    },

    say(text, wrong = false) {
      const shown = this.$refs.message;
      if (shown.textContent !== text) shown.textContent = text;
      shown.classList.toggle("wrong", wrong);
    },

    draw() {
      const { frame } = this;
      const refs = this.$refs;
      if (!refs.network.clientWidth) return; // the other tab is shown
      const colours = palette(this.colours, dark.matches);
      this.say(frame.message, frame.wrong);
      this.layout = drawing.layout(refs.network.clientWidth, frame);
      drawing.drawNetwork(drawing.prepare(refs.network, this.layout.height), this.layout, frame, colours, this.selected);
      const side = refs.plane.clientWidth;
      const plane = drawing.prepare(refs.plane, side);
      drawing.drawPlane(plane, side, this.picture(colours), frame.points, colours, this.cross);
      const losses = drawing.prepare(refs.losses, 120);
      drawing.drawLosses(losses, refs.losses.clientWidth, 120, frame.records, colours);
      for (const name of ["epoch", "steps"]) refs[name].textContent = frame[name].toLocaleString("en");
      for (const name of ["train", "test"]) refs[name].textContent = number(frame[name]);
      for (const name of ["train_accuracy", "test_accuracy"]) refs[name].textContent = percent(frame[name]);
      this.describe();
    },

    // What the plane shows behind the points: the output, or the neuron that the user points at.
    picture(colours) {
      const { frame, selected } = this;
      const layer = selected && frame.neurons[selected.layer];
      const there = layer && selected.unit < layer.shape[0];
      const hidden = there && selected.layer < frame.neurons.length - 1;
      this.$refs.title.textContent = hidden ? `Layer ${selected.layer + 1}, neuron ${selected.unit + 1}` : "Output";
      if (!hidden) return paint(frame.surface.data, 0, frame.surface.shape[0], colours.surface);
      const side = layer.shape[1];
      return paint(layer.data, selected.unit * side * side, side, colours.surface);
    },

    describe() {
      const { frame, own } = this;
      const units = frame.neurons.map((layer) => layer.shape[0]).join(", ");
      const points = `${frame.points.shape[0]} points, ${percent(frame.train_accuracy)} of those trained with are right`;
      const keys = own ? " Arrow keys move a cross, Enter puts a point." : "";
      for (const [name, text] of [["network", `2 inputs, then layers of ${units}`], ["plane", `${points}.${keys}`]]) {
        if (this.$refs[name].getAttribute("aria-label") !== text) this.$refs[name].setAttribute("aria-label", text);
      }
    },

    point(event) {
      if (this.layout) this.select(drawing.neuronAt(this.layout, event.offsetX, event.offsetY));
    },

    select(neuron) {
      if (JSON.stringify(neuron) === JSON.stringify(this.selected)) return;
      this.selected = neuron;
      this.redraw();
    },

    put(event) {
      const [x1, x2] = drawing.toPlane(this.$refs.plane.clientWidth, event.offsetX, event.offsetY);
      this.$emit("put", { x1, x2 });
    },

    move(event) {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
      if (!this.own || !this.cross) return;
      if (event.key in steps) {
        const within = (value) => Math.max(-1.1, Math.min(1.1, value));
        this.cross = this.cross.map((value, i) => within(value + 0.1 * steps[event.key][i]));
        this.redraw();
      } else if (event.key === "Enter" || event.key === " ") {
        this.$emit("put", { x1: this.cross[0], x2: this.cross[1] });
      } else return;
      event.preventDefault();
    },

    focus() {
      this.cross = this.own && this.$refs.plane.matches(":focus-visible") ? [0, 0] : null;
      this.redraw();
    },

    blur() {
      this.cross = null;
      this.redraw();
    },
  },
};
