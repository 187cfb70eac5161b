// Small square pictures side by side on one canvas: images, 0 is paper and 255 ink; or weights, from blue over the
// colour of the paper to orange, 128 is 0.
//
// `keep` gets all pictures; `show` draws some of them, each with a bar below whose length is its strength.

const SIDE = 28;
const GAP = 0.12; // of a picture's side
const BAR = 0.14;
const NEGATIVE = [0, 114, 178];
const POSITIVE = [230, 159, 0];

export default {
  template: `<canvas role="img" class="pictures" :aria-label="label"></canvas>`,
  props: { label: String, signed: Boolean, bars: Boolean, smallest: Number },

  mounted() {
    this.kept = new Uint8Array(0);
    this.shown = []; // [picture, strength] for each
    this.scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => setTimeout(() => this.paint(), 100); // after the page has changed its colours
    this.scheme.addEventListener("change", this.repaint);
    this.observer = new ResizeObserver(() => this.paint());
    this.observer.observe(this.$el.parentElement);
  },

  unmounted() {
    this.scheme.removeEventListener("change", this.repaint);
    this.observer.disconnect();
  },

  methods: {
    keep(bytes) {
      this.kept = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    },

    show(shown) {
      this.shown = shown;
      this.paint();
    },

    // One picture alone; none without bytes.
    picture(bytes) {
      if (bytes) this.keep(bytes);
      this.show(bytes ? [[0, 1]] : []);
    },

    paint() {
      const canvas = this.$el;
      const width = canvas.parentElement.clientWidth;
      if (!width) return;
      const count = this.bars ? Math.max(1, Math.floor(width / (this.smallest * (1 + GAP)))) : 1;
      const step = width / (this.bars ? count : 1);
      const side = this.bars ? step / (1 + GAP) : step;
      const height = this.bars ? step * (1 + BAR) : step;
      const rows = Math.max(1, Math.ceil(this.shown.length / count));
      const density = window.devicePixelRatio;
      canvas.width = width * density;
      canvas.height = rows * height * density;
      canvas.style.height = `${rows * height}px`;
      const context = canvas.getContext("2d");
      context.scale(density, density);
      context.imageSmoothingEnabled = false;
      const style = getComputedStyle(canvas);
      const [paper, ink] = [style.backgroundColor, style.color].map((colour) => colour.match(/[\d.]+/g).map(Number));
      this.shown.forEach(([picture, strength], i) => {
        const [x, y] = [(i % count) * step, Math.floor(i / count) * height];
        context.drawImage(this.coloured(picture, paper, ink), x, y, side, side);
        if (!this.bars) return;
        context.fillStyle = style.color;
        context.globalAlpha = 0.15;
        context.fillRect(x, y + side + 0.03 * side, side, 0.08 * side);
        context.globalAlpha = 1;
        context.fillRect(x, y + side + 0.03 * side, side * strength, 0.08 * side);
      });
    },

    coloured(picture, paper, ink) {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = SIDE;
      const context = canvas.getContext("2d");
      const image = context.createImageData(SIDE, SIDE);
      const start = picture * SIDE * SIDE;
      for (let i = 0; i < SIDE * SIDE; i++) {
        const value = this.kept[start + i];
        const amount = this.signed ? Math.min(1, Math.abs(value - 128) / 127) : value / 255;
        const full = !this.signed ? ink : value < 128 ? NEGATIVE : POSITIVE;
        for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + amount * (full[c] - paper[c]);
        image.data[4 * i + 3] = 255;
      }
      context.putImageData(image, 0, 0);
      return canvas;
    },
  },
};
