// Makes a picture smaller: a screenshot has few colours, so each pixel needs the number
// of its colour alone. Reads what browsers write: eight bits, no interlacing.

import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function* chunks(png) {
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    yield [png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + length)];
    at += 12 + length;
  }
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** Red, green and blue of each pixel. */
function read(png) {
  let head;
  const parts = [];
  for (const [kind, data] of chunks(png)) {
    if (kind === "IHDR") head = data;
    if (kind === "IDAT") parts.push(data);
  }
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const size = { 2: 3, 6: 4 }[head[9]];
  if (head[8] !== 8 || size === undefined || head[12] !== 0) throw new Error("a picture of another kind");
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * size;
  const lines = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x;
      const left = x >= size ? lines[at - size] : 0;
      const up = y > 0 ? lines[at - stride] : 0;
      const corner = x >= size && y > 0 ? lines[at - stride - size] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      lines[at] = (raw[y * (stride + 1) + 1 + x] + guess) & 0xff;
    }
  }
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at += 1) {
    const from = at * size;
    pixels[at] = (lines[from] << 16) | (lines[from + 1] << 8) | lines[from + 2];
  }
  return { width, height, pixels };
}

const far = (a, b) => {
  const [red, green, blue] = [(a >> 16) - (b >> 16), ((a >> 8) & 255) - ((b >> 8) & 255), (a & 255) - (b & 255)];
  return 2 * red * red + 4 * green * green + 3 * blue * blue;
};

/** The colours that are used most, none next to another, and the nearest one of each. */
function palette(pixels, most) {
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([colour]) => colour);
  const chosen = [];
  for (const apart of [150, 40, 0]) {
    for (const colour of sorted) {
      if (chosen.length < most && chosen.every((one) => far(one, colour) > apart)) chosen.push(colour);
    }
  }
  const nearest = new Map();
  for (const colour of sorted) {
    let best = 0;
    for (let at = 1; at < chosen.length; at += 1) {
      if (far(chosen[at], colour) < far(chosen[best], colour)) best = at;
    }
    nearest.set(colour, best);
  }
  return { chosen, nearest };
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** The same picture in so many colours. */
export function smaller(png, colours = 160) {
  const { width, height, pixels } = read(png);
  const { chosen, nearest } = palette(pixels, colours);
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) lines[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x]);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const table = Buffer.from(chosen.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  return Buffer.concat([
    SIGNATURE, chunk("IHDR", head), chunk("PLTE", table),
    chunk("IDAT", deflateSync(lines, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
}
