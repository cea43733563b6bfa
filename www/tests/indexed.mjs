// A picture as a PNG of 256 colours (PNG specification, colour type 3): a third of the bytes of a screenshot.
import { crc32, deflateSync } from 'node:zlib'

const COLOURS = 256

/** Encodes pixels, four bytes each, of which the fourth is ignored. */
export function indexedPng(pixels, width, height) {
  const counts = new Map()
  for (let at = 0; at < pixels.length; at += 4) {
    const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  // The most frequent are kept as they are; of the others, each becomes the nearest of those.
  const palette = [...counts].sort(([, a], [, b]) => b - a).slice(0, COLOURS).map(([colour]) => colour)
  const indices = new Map(palette.map((colour, index) => [colour, index]))
  const rows = Buffer.alloc(height * (width + 1))
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]
      if (!indices.has(colour)) indices.set(colour, nearest(palette, colour))
      rows[y * (width + 1) + x + 1] = indices.get(colour)
    }
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 3, 0, 0, 0], 8)
  const colours = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]))
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const data = deflateSync(rows, { level: 9 })
  return Buffer.concat([signature, chunk('IHDR', head), chunk('PLTE', colours), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

function nearest(palette, colour) {
  let [best, least] = [0, Infinity]
  for (const [index, known] of palette.entries()) {
    const [red, green, blue] = [(known >> 16) - (colour >> 16), ((known >> 8) & 255) - ((colour >> 8) & 255), (known & 255) - (colour & 255)]
    const distance = red * red + green * green + blue * blue
    if (distance < least) [best, least] = [index, distance]
  }
  return best
}

function chunk(name, body) {
  const whole = Buffer.alloc(body.length + 12)
  whole.writeUInt32BE(body.length, 0)
  whole.write(name, 4, 'latin1')
  body.copy(whole, 8)
  whole.writeUInt32BE(crc32(whole.subarray(4, body.length + 8)), body.length + 8)
  return whole
}
