// The three pictures of the tab "Points": the network, the plane with its points, and the losses.

import { paint } from "./colours.js";

const HALF = 1.2; // the pictures show [-1.2, 1.2] in both directions, as in pictures.py

// A canvas as large as it is shown, in the pixels of the screen; returns its context, whose unit is a CSS pixel.
export function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// ---------------------------------------------------------------------------------------------------------------------
// the network

// Where everything is: {height, size, columns}, a column being the middles {x, y} of its inputs or neurons.
export function layout(width, frame) {
  const units = [2, ...frame.neurons.map((layer) => layer.shape[0])];
  const most = Math.max(...units);
  const left = 18; // for the names of the inputs
  const column = (width - left) / units.length;
  const size = Math.max(14, Math.min(54, column * 0.5, 460 / most - 5));
  const row = size + Math.max(5, Math.min(20, 0.35 * size));
  const height = Math.max(most * row, 4 * row) + 26;
  const columns = units.map((count, i) =>
    Array.from({ length: count }, (_, j) => ({
      x: left + (i + 0.5) * column,
      y: 8 + (height - 26) / 2 + (j - (count - 1) / 2) * row,
    })),
  );
  return { height, size, columns };
}

export function drawNetwork(context, { height, size, columns }, frame, colours, selected) {
  frame.weights.forEach((weights, layer) => drawEdges(context, weights, columns[layer], columns[layer + 1], size, colours));
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  columns[0].forEach(({ x, y }, i) => drawNode(context, inputPicture(i, colours), x, y, size, colours));
  frame.neurons.forEach((layer, number) => {
    const side = layer.shape[1];
    columns[number + 1].forEach(({ x, y }, unit) => {
      const marked = selected && selected.layer === number && selected.unit === unit;
      drawNode(context, paint(layer.data, unit * side * side, side, colours.neuron), x, y, size, colours, marked);
    });
  });
  context.fillStyle = colours.text;
  const bottom = height - 8;
  columns.forEach((column, i) => {
    const text = i === 0 ? "inputs" : i === columns.length - 1 ? "output" : String(column.length);
    context.fillText(text, column[0].x, bottom);
  });
  columns[0].forEach(({ x, y }, i) => context.fillText(i === 0 ? "x₁" : "x₂", x - size / 2 - 11, y));
}

// Width: how large a weight is. Dashed: it is negative, as its colour says, too.
function drawEdges(context, weights, from, to, size, colours) {
  context.lineCap = "round";
  from.forEach((a, i) =>
    to.forEach((b, j) => {
      const weight = weights.data[i * to.length + j];
      const strength = Math.min(Math.abs(weight), 4);
      if (!(strength > 0)) return; // also what is not a number
      context.lineWidth = 0.4 + strength * Math.min(1.3, size / 26);
      context.globalAlpha = Math.min(1, 0.15 + strength / 2);
      context.strokeStyle = colours.classes[weight < 0 ? 0 : 1];
      context.setLineDash(weight < 0 ? [5, 4] : []);
      const [x1, x2] = [a.x + size / 2, b.x - size / 2];
      const bend = (x2 - x1) / 2;
      context.beginPath();
      context.moveTo(x1, a.y);
      context.bezierCurveTo(x1 + bend, a.y, x2 - bend, b.y, x2, b.y);
      context.stroke();
    }),
  );
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function drawNode(context, picture, x, y, size, colours, marked = false) {
  const [left, top] = [x - size / 2, y - size / 2];
  context.save();
  context.beginPath();
  context.roundRect(left, top, size, size, Math.min(6, size / 6));
  context.clip();
  context.drawImage(picture, left, top, size, size);
  context.restore();
  context.beginPath();
  context.roundRect(left, top, size, size, Math.min(6, size / 6));
  context.lineWidth = marked ? 2.5 : 1;
  context.strokeStyle = marked ? colours.text : colours.faint;
  context.stroke();
}

// An input over the square: it grows to the right (x1) or to the top (x2).
function inputPicture(input, colours) {
  const side = 20;
  const bytes = Uint8Array.from({ length: side * side }, (_, i) => {
    const at = input === 0 ? i % side : side - 1 - Math.floor(i / side);
    return (255 * (at + 0.5)) / side;
  });
  return paint(bytes, 0, side, colours.neuron);
}

// The neuron at a point of the canvas: {layer, unit}, or null.
export function neuronAt({ size, columns }, x, y) {
  for (let layer = 0; layer < columns.length - 1; layer++) {
    const unit = columns[layer + 1].findIndex((p) => Math.max(Math.abs(p.x - x), Math.abs(p.y - y)) <= size / 2 + 3);
    if (unit >= 0) return { layer, unit };
  }
  return null;
}

// ---------------------------------------------------------------------------------------------------------------------
// the plane

export const toPlane = (side, x, y) => [(2 * x / side - 1) * HALF, (1 - 2 * y / side) * HALF];
const toScreen = (side, x1, x2) => [((x1 / HALF + 1) / 2) * side, ((1 - x2 / HALF) / 2) * side];

export function drawPlane(context, side, picture, points, colours, cross) {
  context.imageSmoothingEnabled = true;
  context.drawImage(picture, 0, 0, side, side);
  const count = points.shape[0];
  const radius = count > 250 ? 3 : 4;
  for (let i = 0; i < count; i++) {
    const [x1, x2, label, test] = points.data.subarray(4 * i, 4 * i + 4);
    const [x, y] = toScreen(side, x1, x2);
    mark(context, x, y, radius, label, test, colours);
  }
  if (cross) drawCross(context, ...toScreen(side, ...cross), colours);
}

// Class 0 is a disc, class 1 a square; points for the test are hollow.
function mark(context, x, y, radius, label, test, colours) {
  context.beginPath();
  if (label < 0.5) context.arc(x, y, radius, 0, 2 * Math.PI);
  else context.rect(x - 0.9 * radius, y - 0.9 * radius, 1.8 * radius, 1.8 * radius);
  context.fillStyle = test ? colours.page : colours.classes[label < 0.5 ? 0 : 1];
  context.strokeStyle = test ? colours.classes[label < 0.5 ? 0 : 1] : colours.page;
  context.lineWidth = test ? 1.8 : 1;
  context.fill();
  context.stroke();
}

function drawCross(context, x, y, colours) {
  context.strokeStyle = colours.text;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 3 * dx, y + 3 * dy);
    context.lineTo(x + 11 * dx, y + 11 * dy);
  }
  context.stroke();
}

// ---------------------------------------------------------------------------------------------------------------------
// the losses

export function drawLosses(context, width, height, records, colours) {
  const [left, right, top, bottom] = [34, width - 6, 8, height - 20];
  const count = records.shape[0];
  const at = (i, column) => records.data[3 * i + column];
  let [most, last] = [0.01, 1];
  for (let i = 0; i < count; i++) {
    for (const column of [1, 2]) if (Number.isFinite(at(i, column))) most = Math.max(most, at(i, column));
    last = Math.max(last, at(i, 0));
  }
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colours.text;
  context.strokeStyle = colours.faint;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.stroke();
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(most >= 100 ? most.toExponential(0) : most.toPrecision(2), left - 4, top + 3);
  context.fillText("0", left - 4, bottom);
  context.textBaseline = "top";
  context.fillText(`epoch ${Math.floor(last)}`, right, bottom + 5);
  context.textAlign = "left";
  context.fillText("0", left, bottom + 5);
  for (const [column, colour, dash] of [[2, colours.test, [5, 3]], [1, colours.train, []]]) {
    context.strokeStyle = colour;
    context.lineWidth = 1.8;
    context.setLineDash(dash);
    context.beginPath();
    let drawing = false; // a line has a gap where there is no number
    for (let i = 0; i < count; i++) {
      const value = at(i, column);
      if (Number.isFinite(value)) {
        const [x, y] = [left + (at(i, 0) / last) * (right - left), bottom - (value / most) * (bottom - top)];
        if (drawing) context.lineTo(x, y);
        else context.moveTo(x, y);
      }
      drawing = Number.isFinite(value);
    }
    context.stroke();
  }
  context.setLineDash([]);
}
