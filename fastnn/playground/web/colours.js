// Colours of numbers: class 0's colour below, class 1's above, and the page's own between them.

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const mix = (a, b, part) => a.map((value, i) => Math.round(value + (b[i] - value) * part));

// 256 colours for the numbers of a picture; `strength` is how much of the classes' colours the ends have.
function scale(low, middle, high, strength) {
  const ends = [mix(middle, low, strength), mix(middle, high, strength)];
  return Array.from({ length: 256 }, (_, i) => {
    const from_middle = Math.abs(i - 127.5) / 127.5;
    return mix(middle, ends[i < 128 ? 0 : 1], from_middle);
  });
}

export function palette(colours, dark) {
  const middle = dark ? [32, 34, 38] : [247, 245, 241];
  const [low, high] = [parse(colours.class0), parse(colours.class1)];
  return {
    surface: scale(low, middle, high, dark ? 0.75 : 0.55),
    neuron: scale(low, middle, high, 0.95),
    classes: [colours.class0, colours.class1].map((hex) => `rgb(${mix(parse(hex), [255, 255, 255], dark ? 0.25 : 0)})`),
    train: dark ? `rgb(${mix(parse(colours.train), [255, 255, 255], 0.35)})` : colours.train,
    test: dark ? `rgb(${mix(parse(colours.test), [255, 255, 255], 0.25)})` : colours.test,
    page: dark ? "#17181b" : "#ffffff",
    text: dark ? "#d9dade" : "#33363b",
    faint: dark ? "#4a4d54" : "#c9ccd1",
  };
}

// A picture of bytes (side x side, from `at`) on a small canvas, to be drawn in any size.
export function paint(bytes, at, side, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    const [red, green, blue] = scale[bytes[at + i]];
    image.data.set([red, green, blue, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
