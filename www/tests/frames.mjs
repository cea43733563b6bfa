// Frame times while the map is panned with all cells and the footprints of a search: node www/tests/frames.mjs CATALOG...
import { basename, resolve } from 'node:path'
import { explorer, launch, overviewed, served } from './page.mjs'

const FOOTPRINTS = 10_000
/** A person's drag: so many moves, one a frame. */
const MOVES = 120

const folders = process.argv.slice(2)
const server = await served(Object.fromEntries(folders.map((folder, at) => [`catalog-${at}`, resolve(folder)])))
const browser = await launch()

/** Paints the whole map: gives the time to the first meaningful paint and the frame times of a drag, in ms. */
async function measure(name, projection) {
  server.state.latencyMs = 0
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/${name}&${projection}&run=1`, expected: /./, reducedMotion: 'no-preference' })
  await overviewed(page)
  await page.waitForSelector('.results')
  // A search waits to be asked for more than its first items.
  for (;;) {
    await page.waitForFunction(() => !/Planning|file /.test(document.querySelector('.standing .count')?.textContent ?? 'Planning'))
    const text = await page.textContent('.standing .count')
    const found = Number(/[\d,]+/.exec(text)[0].replaceAll(',', ''))
    if (!text.startsWith('The first') || found >= FOOTPRINTS) break
    await page.click('.standing button:has-text(" more")')
  }
  const count = await page.textContent('.standing .count')
  await page.waitForTimeout(2000)
  const box = await (await page.$('.canvas')).boundingBox()
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x, y)
  await page.mouse.down()
  const running = page.evaluate(async (moves) => {
    const times = []
    for (let last = await new Promise(requestAnimationFrame); times.length < moves; ) {
      const now = await new Promise(requestAnimationFrame)
      times.push(now - last)
      last = now
    }
    return times
  }, MOVES)
  for (let step = 1; step <= MOVES; step++) await page.mouse.move(x + 2 * step, y + step)
  const times = (await running).sort((a, b) => a - b)
  await page.mouse.up()
  const cells = await page.evaluate(() => document.querySelector('dl.totals').textContent)
  await close()
  const share = (of) => times[Math.min(times.length - 1, Math.floor(times.length * of))].toFixed(1)
  return { catalog: name, projection, count, median: share(0.5), p95: share(0.95), worst: share(1), totals: cells }
}

/** From the start of loading to the whole catalog on the screen, with so much latency on every request. */
async function firstPaint(name, latencyMs) {
  server.state.latencyMs = latencyMs
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/${name}`, expected: /./ })
  await overviewed(page)
  const ms = await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))))
  await close()
  return Math.round(ms)
}

for (const [at, folder] of folders.entries()) {
  const name = `catalog-${at}`
  const paints = []
  for (let run = 0; run < 3; run++) paints.push(await firstPaint(name, 50))
  console.log(`${basename(folder)}: whole catalog on screen with 50 ms latency after ${paints.sort((a, b) => a - b).join(', ')} ms`)
  for (const projection of ['proj=3413&view=-42,75,3', 'proj=3857&view=0,20,1.6']) {
    const { count, median, p95, worst, totals } = await measure(name, projection)
    console.log(`${basename(folder)} ${projection}: ${count} drawn; frames: median ${median}, p95 ${p95}, worst ${worst} ms (${totals})`)
  }
}
await browser.close()
await server.close()
