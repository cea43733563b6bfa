// The explorer in Chromium, on catalogs of a local server; whatever a page should not do fails the test that made it do it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { root } from '../../tests/js/catalogs.mjs'
import { serve } from '../../tests/js/server.mjs'

const here = dirname(fileURLToPath(import.meta.url))
export const dist = join(here, '../dist/')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const PIXEL = { contentType: 'image/png', body: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') }

/** The command line under test, and where catalogs of single tests lie. */
export const cli = process.env.EARTHCATALOG ?? join(root, 'target/debug/earthcatalog')
export const folder = join(root, 'target/js/explorer')

/** A catalog of these items, made anew; its folder. `options` are those of `init`. */
export function catalogWith(name, items, options = []) {
  const path = join(folder, name)
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'items.ndjson'), items.map((item) => JSON.stringify(item)).join('\n'))
  for (const words of [['init', join(path, 'catalog'), ...options], ['ingest', join(path, 'catalog'), join(path, 'items.ndjson')]]) {
    execFileSync(cli, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  return join(path, 'catalog')
}

/** A server with the explorer below `/app/` and catalogs by name. */
export const served = (catalogs, options) =>
  serve({ roots: { '/app/': dist, ...Object.fromEntries(Object.entries(catalogs).map(([name, folder]) => [`/${name}/`, `${folder}/`])) }, ...options })

export function launch() {
  const executablePath = BROWSERS.find(existsSync)
  if (executablePath === undefined) throw new Error('no Chromium: install the package `chromium`')
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
}

/**
 * Opens the explorer. `expected` are complaints that a test provokes, as a regular expression of the console's texts;
 * `hosts` other servers that it may ask, `thumbnail` what an image of any other host is answered with.
 */
export async function explorer(browser, server, { hash = '', path = '/app/index.html', expected, hosts = [], thumbnail = () => PIXEL, ...context } = {}) {
  const opened = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', acceptDownloads: true, ...context })
  const complaints = []
  const strangers = []
  const home = [server, ...hosts].map(({ url }) => new URL(url).host)
  await opened.route((url) => !home.includes(url.host) && url.protocol.startsWith('http'), (route) => {
    const request = route.request()
    // A thumbnail lies where its item says, and is told nothing of the page.
    if (request.resourceType() !== 'image' || request.headers().referer !== undefined) strangers.push(request.url())
    return route.fulfill(thumbnail(request.url()))
  })
  const page = await opened.newPage()
  page.setDefaultTimeout(60_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !expected?.test(message.text())) complaints.push(message.text())
  })
  await page.goto(`${server.url}${path}${hash === '' ? '' : `#${hash}`}`)
  return {
    page,
    complaints,
    /** Ends the page, and holds it to having been quiet. */
    async close() {
      await opened.close()
      assert.deepEqual(complaints, [], 'the console is silent')
      assert.deepEqual(strangers, [], 'nothing is asked of another host')
    },
  }
}

/** Waits until the search is over; the number of items. */
export async function settled(page) {
  await page.waitForFunction(() => /^(The first )?[\d,]+ items?$|^Cancelled/.test(document.querySelector('.standing .count')?.textContent ?? ''))
  const text = await page.textContent('.standing .count')
  return Number(/[\d,]+/.exec(text)[0].replaceAll(',', ''))
}

/** Waits until the whole catalog is shown. */
export const overviewed = (page) => page.waitForSelector('dl.totals')

/** The parameters in the page's address. */
export async function addressed(page, ready) {
  await page.waitForFunction((ready) => new RegExp(ready).test(decodeURIComponent(location.hash.replace(/\+/g, ' '))), ready.source)
  return new URLSearchParams(new URL(page.url()).hash.slice(1))
}

/** What axe finds wrong, in a line each. */
export async function violations(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`))
}

/** The colour of the map at a share of its width and height, over all its layers: [red, green, blue]. */
export const colour = (page, x = 0.5, y = 0.5) =>
  page.evaluate(
    ([x, y]) => {
      const layers = [...document.querySelectorAll('.canvas canvas')]
      const scratch = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
      scratch.fillStyle = getComputedStyle(document.querySelector('.map')).backgroundColor
      scratch.fillRect(0, 0, 1, 1)
      for (const layer of layers) scratch.drawImage(layer, Math.floor(layer.width * x), Math.floor(layer.height * y), 1, 1, 0, 0, 1, 1)
      return [...scratch.getImageData(0, 0, 1, 1).data].slice(0, 3)
    },
    [x, y],
  )
