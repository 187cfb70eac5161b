// Frames as the server sends them; `pack` in player.py says how.

const TYPES = { uint8: Uint8Array, float32: Float32Array };

// {name: number, text or array}; an array has `shape` and its numbers in `data`.
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const array = ({ type, shape, at }) => {
    const count = shape.reduce((product, side) => product * side, 1);
    return { shape, data: new TYPES[type](buffer, 4 + length + at, count) };
  };
  for (const [name, value] of Object.entries(frame)) {
    if (Array.isArray(value)) frame[name] = value.map(array);
    else if (value !== null && typeof value === "object") frame[name] = array(value);
  }
  return frame;
}
