// Makes the pictures of the main states that the documentation shows: node www/tests/screenshots.mjs [state...]
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '../../tests/js/catalogs.mjs'
import { indexedPng } from './indexed.mjs'
import { cli, explorer, launch, overviewed, served, settled } from './page.mjs'

const folder = join(root, 'target/screenshots')
const pictures = fileURLToPath(new URL('../docs/', import.meta.url))
const ITEMS = 5000
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1, hasTouch: true, isMobile: true }
const GREENLAND = '&area=-60,58,-18,84'

/** What is on each picture: where the page is opened, how, and what is done there. */
const STATES = {
  overview: { hash: '&proj=3413&view=-42,80,2.1' },
  dark: { hash: '&proj=3413&view=-42,80,2.1&theme=dark' },
  antarctic: { hash: '&proj=3031&view=0,-89.9,2.3&theme=dark&area=-180,-90,180,-60&from=2015-01-01&run=1', then: settled },
  results: { hash: `&proj=3413&view=-40,72,4${GREENLAND}&from=2014-01-01&to=2020-12-31&filter=percent_valid_pixels > 60&run=1`, then: settled },
  item: { hash: `&proj=3413&view=-40,72,4${GREENLAND}&run=1`, then: shownItem },
  mercator: { hash: '&proj=3857&view=0,20,1.6' },
  plan: { hash: `&proj=3413&view=-40,72,4${GREENLAND}&from=2018-01-01&run=1`, then: shownPlan },
  take: { hash: `&proj=3413&view=-40,72,4${GREENLAND}&from=2018-01-01&run=1`, then: shownTake },
  filter: { hash: '&proj=3413&view=-42,80,2.1', then: shownFilter },
  empty: { hash: `&proj=3413&view=-40,72,4${GREENLAND}&from=1970-01-01&to=1971-12-31&run=1`, then: (page) => page.waitForSelector('.empty .primary') },
  error: { hash: undefined, then: (page) => page.waitForSelector('.trouble pre') },
  entrance: { alone: true },
  phone: { hash: `&proj=3413&view=-40,72,2.4${GREENLAND}&from=2018-01-01&run=1`, context: PHONE, then: settled },
}

async function shownItem(page) {
  await settled(page)
  await page.click('.result >> nth=1')
  await page.waitForSelector('.assets')
}

async function shownPlan(page) {
  await settled(page)
  await page.click('.standing >> text=Why')
}

async function shownTake(page) {
  await settled(page)
  await page.click('text=Take it away')
}

async function shownFilter(page) {
  await page.click('text=Add a condition')
  await page.selectOption('[aria-label="Column of condition 1"]', 'percent_valid_pixels')
  await page.selectOption('[aria-label="Operator of condition 1"]', '>')
  await page.fill('[aria-label="Value of condition 1"]', '80')
}

/** The picture with 256 colours; Chromium decodes it, in a page that lets it. */
async function slim(picture) {
  const studio = await browser.newPage()
  const { pixels, width, height } = await studio.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob())
    const { width, height } = bitmap
    const context = new OffscreenCanvas(width, height).getContext('2d')
    context.drawImage(bitmap, 0, 0)
    const bytes = context.getImageData(0, 0, width, height).data
    return { pixels: btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), '')), width, height }
  }, picture.toString('base64'))
  await studio.close()
  return indexedPng(Buffer.from(pixels, 'base64'), width, height)
}

/** In place of a thumbnail, which lies in a bucket far away: a glacier seen from above, more or less. */
function thumbnail(url) {
  const seed = [...url].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7)
  const [turn, bend] = [seed % 360, 20 + (seed % 50)]
  const body = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="384" height="384">
    <defs><linearGradient id="ice" gradientTransform="rotate(${turn} .5 .5)"><stop stop-color="#1d3f72"/>
    <stop offset=".5" stop-color="#6fb2d9"/><stop offset="1" stop-color="#f3f7fa"/></linearGradient></defs>
    <rect width="96" height="96" fill="url(#ice)"/>
    <g transform="rotate(${turn} 48 48)" fill="none" stroke-linecap="round"><path d="M-10 ${bend}Q48 ${96 - bend} 110 ${bend}" stroke="#f6b65f" stroke-width="11" opacity=".75"/>
    <path d="M-10 ${bend + 1}Q48 ${97 - bend} 110 ${bend + 1}" stroke="#c8402a" stroke-width="4" opacity=".85"/></g></svg>`
  return { contentType: 'image/svg+xml', body }
}

function made() {
  const run = (...words) => execFileSync(cli, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  const catalog = join(folder, 'its-live')
  if (!existsSync(join(catalog, 'earthcatalog.db'))) {
    rmSync(folder, { recursive: true, force: true })
    run('sample', join(folder, 'archive'), '--items', String(ITEMS))
    run('init', catalog)
    run('ingest', catalog, join(folder, 'archive/items.ndjson.gz'))
  }
  return catalog
}

const catalog = made()
const server = await served({ 'its-live': catalog })
const other = await served({ 'its-live': catalog }, { cors: false })
const browser = await launch()
mkdirSync(pictures, { recursive: true })
const wanted = process.argv.slice(2)
for (const [name, { hash, then, alone, context }] of Object.entries(STATES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const where = alone ? '' : hash === undefined ? `catalog=${other.url}/its-live` : `catalog=${server.url}/its-live${hash}`
  const { page, close } = await explorer(browser, server, { hash: where, hosts: [other], thumbnail, expected: /./, ...context })
  if (hash !== undefined && !alone) await overviewed(page)
  await then?.(page)
  // Coastlines and footprints are drawn a frame or two after they are known.
  await page.waitForTimeout(1500)
  const picture = await slim(await page.screenshot())
  writeFileSync(join(pictures, `${name}.png`), picture)
  console.log(`${name} ${Math.round(picture.length / 1000)} kB`)
  await close()
}
await browser.close()
await Promise.all([server.close(), other.close()])
