// A sheet to draw a digit on, with mouse, finger or pen.
//
// It keeps strokes, lists of points in a square of side 1, and draws them anew after each change: once for the eye, in
// the colours of the page, and once for the network, as SIDE x SIDE bytes where 0 is paper and 255 ink. These go to the
// server as the event "drawn". The next ones are sent only after the answer to the last, so that nothing piles up; what
// was drawn in between goes with them.

const SIDE = 112;
const MOST_POINTS = 20000;
const PATIENCE = 3000; // milliseconds without an answer, after which another drawing is sent

export default {
  template: `<canvas role="img" aria-label="Sheet to draw a digit on" class="drawing"
    @pointerdown="begin" @pointermove="go_on" @pointerup="end" @pointercancel="end"></canvas>`,

  mounted() {
    this.strokes = []; // each {width, points: [x, y, x, y, ...]} or {picture: canvas}
    this.pen = null; // the pointer that draws
    this.waiting = this.changed = false;
    this.number = 0; // of the drawing that was sent last
    this.width = 0.08;
    this.small = document.createElement("canvas");
    this.small.width = this.small.height = SIDE;
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => setTimeout(() => this.paint(), 100); // after the page has changed its colours
    this.scheme.addEventListener("change", this.repaint);
    this.observer = new ResizeObserver(() => this.paint());
    this.observer.observe(this.$el);
    this.$emit("opened");
  },

  unmounted() {
    this.scheme.removeEventListener("change", this.repaint);
    this.observer.disconnect();
    clearTimeout(this.timer);
  },

  methods: {
    begin(event) {
      if (this.pen !== null || event.button !== 0) return;
      this.pen = event.pointerId;
      this.$el.setPointerCapture(event.pointerId);
      this.strokes.push({ width: this.width, points: this.place(event) });
      this.redraw();
    },

    go_on(event) {
      if (event.pointerId !== this.pen) return;
      const stroke = this.strokes.at(-1);
      const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const one of events.length ? events : [event]) {
        if (stroke.points.length < MOST_POINTS) stroke.points.push(...this.place(one));
      }
      this.redraw();
    },

    end(event) {
      if (event.pointerId === this.pen) this.pen = null;
    },

    place(event) {
      const box = this.$el.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    },

    clear() {
      this.strokes = [];
      this.pen = null;
      this.redraw();
    },

    undo() {
      this.strokes.pop();
      this.pen = null;
      this.redraw();
    },

    set_width(width) {
      this.width = width;
    },

    // An image as if it had been drawn: 28 x 28 bytes, as base64.
    show(bytes) {
      const picture = document.createElement("canvas");
      picture.width = picture.height = 28;
      const context = picture.getContext("2d");
      const image = context.createImageData(28, 28);
      const ink = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
      ink.forEach((value, i) => image.data.set([255, 255, 255, value], 4 * i));
      context.putImageData(image, 0, 0);
      this.strokes = [{ picture }];
      this.redraw();
    },

    redraw() {
      this.paint();
      this.changed = true;
      this.send();
    },

    paint() {
      const canvas = this.$el;
      const side = Math.round(canvas.clientWidth * window.devicePixelRatio);
      if (!side) return;
      if (canvas.width !== side) canvas.width = canvas.height = side;
      const style = getComputedStyle(canvas);
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, side, side);
      this.draw(context, side, style.color);
    },

    draw(context, side, colour) {
      context.lineCap = context.lineJoin = "round";
      context.strokeStyle = context.fillStyle = colour;
      for (const stroke of this.strokes) {
        if (stroke.picture) {
          this.stamp(context, side, stroke.picture, colour);
          continue;
        }
        const at = stroke.points;
        context.lineWidth = stroke.width * side;
        context.beginPath();
        context.moveTo(at[0] * side, at[1] * side);
        for (let i = 2; i < at.length; i += 2) context.lineTo(at[i] * side, at[i + 1] * side);
        if (at.length === 2) context.lineTo(at[0] * side + 0.01, at[1] * side); // a dot
        context.stroke();
      }
    },

    // A picture, whose opacity is its ink, in a colour.
    stamp(context, side, picture, colour) {
      const coloured = document.createElement("canvas");
      coloured.width = coloured.height = side;
      const own = coloured.getContext("2d");
      own.imageSmoothingEnabled = false;
      own.drawImage(picture, 0, 0, side, side);
      own.globalCompositeOperation = "source-in";
      own.fillStyle = colour;
      own.fillRect(0, 0, side, side);
      context.drawImage(coloured, 0, 0);
    },

    send() {
      if (this.waiting || !this.changed) return;
      this.changed = false;
      this.waiting = true;
      const context = this.small.getContext("2d", { willReadFrequently: true });
      context.fillStyle = "black";
      context.fillRect(0, 0, SIDE, SIDE);
      this.draw(context, SIDE, "white");
      const colours = context.getImageData(0, 0, SIDE, SIDE).data;
      let ink = "";
      for (let i = 0; i < colours.length; i += 4) ink += String.fromCharCode(colours[i]);
      this.number += 1;
      this.$emit("drawn", { number: this.number, pixels: btoa(ink) });
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.answered(this.number), PATIENCE);
    },

    // The server has answered a drawing, or says that it can answer now.
    answered(number) {
      if (number !== this.number) return;
      clearTimeout(this.timer);
      this.waiting = false;
      requestAnimationFrame(() => this.send());
    },

    // Send the drawing again, for a network that has come meanwhile.
    again() {
      this.changed = true;
      this.send();
    },
  },
};
