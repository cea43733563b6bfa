// What goes wrong, and what the explorer says of it; and catalogs that mean harm.
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { catalogOf } from '../../tests/js/catalogs.mjs'
import { catalogWith, explorer, folder, launch, overviewed, served, settled, violations } from './page.mjs'

const small = catalogOf('small')
const items = small.items()
/** The browser's own complaint of what a server did not give. */
const FAILED = /Failed to load resource|CORS policy|ERR_/
let server
let other
let browser

const SCRIPT = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'

/** An item with a script in every string that may be one. */
function hostile() {
  const item = structuredClone(items[0])
  const infect = (value) => {
    if (typeof value === 'string') return SCRIPT
    if (Array.isArray(value)) return value.map(infect)
    if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, infect(part)]))
    return value
  }
  // What must be a time cannot be anything else: such items are refused when they are added.
  const times = Object.fromEntries(Object.entries(item.properties).filter(([name]) => /datetime|^created$|^updated$/.test(name)))
  const asset = (href, role) => ({ href, roles: [role], title: SCRIPT, type: SCRIPT })
  return {
    ...item,
    id: SCRIPT,
    collection: SCRIPT,
    properties: { ...infect(item.properties), ...times, [SCRIPT]: SCRIPT, home: 'javascript:window.hacked=1' },
    links: [{ rel: SCRIPT, href: 'javascript:window.hacked=1', title: SCRIPT }],
    assets: {
      [SCRIPT]: asset('javascript:window.hacked=1', SCRIPT),
      thumbnail: asset('javascript:window.hacked=1', 'thumbnail'),
      data: asset('data:text/html,<script>alert(1)</script>', 'data'),
      bucket: asset('s3://bucket-of-others/a key/<b>', 'data'),
      web: asset('https://assets.example/file.tif?a=1&b=<2>', 'data'),
    },
  }
}

before(async () => {
  server = await served({
    small: small.folder,
    hostile: catalogWith('hostile', [hostile()]),
    newer: catalogWith('newer', items.slice(0, 20)),
  })
  other = await served({ small: small.folder })
  browser = await launch()
})
after(async () => {
  await browser.close()
  await server.close()
  await other.close()
})

test('alone, the explorer asks for a catalog and opens it', async () => {
  const { page, close } = await explorer(browser, server, { expected: FAILED })
  await page.fill('#address', `${server.url}/nowhere`)
  assert.deepEqual(await violations(page), [])
  assert.equal(await page.$('.trouble'), null, 'no catalog beside it is no error')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.trouble')
  assert.match(await page.textContent('.trouble'), /There is no catalog here/)
  assert.match(await page.textContent('.trouble'), /earthcatalog\.db/)
  assert.deepEqual(await violations(page), [])
  await page.fill('#address', `${server.url}/small/earthcatalog.db`)
  await page.keyboard.press('Enter')
  await overviewed(page)
  await close()
})

test('a store that lets no other site read: the rules are there to be copied', async () => {
  other.state.cors = false
  const { page, close } = await explorer(browser, server, { hash: `catalog=${other.url}/small`, expected: FAILED, hosts: [other], permissions: ['clipboard-read', 'clipboard-write'] })
  await page.waitForSelector('.trouble pre')
  assert.match(await page.textContent('.trouble'), /does not let this page read/)
  const rules = JSON.parse(await page.textContent('.trouble pre'))
  assert.deepEqual(rules.CORSRules[0].AllowedMethods, ['GET', 'HEAD'])
  await page.click('button[aria-label^="Copy: CORS"]')
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), rules)
  assert.deepEqual(await violations(page), [])
  other.state.cors = true
  await page.click('text=Try again')
  await overviewed(page)
  await close()
})

test('a private bucket is told from one without CORS', async () => {
  other.state.faults = [{ kind: 'status', status: 403 }]
  const { page, close } = await explorer(browser, server, { hash: `catalog=${other.url}/small`, expected: FAILED, hosts: [other] })
  await page.waitForSelector('.trouble')
  assert.match(await page.textContent('.trouble'), /The bucket is private/)
  assert.equal(await page.$('.trouble pre'), null)
  other.state.faults = []
  await close()
})

test('a catalog that is replaced while it is searched answers from the new one', async () => {
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/moving`, expected: FAILED })
  const copy = join(folder, 'moving')
  rmSync(copy, { recursive: true, force: true })
  cpSync(small.folder, copy, { recursive: true })
  server.state.roots['/moving/'] = `${copy}/`
  await page.reload()
  await overviewed(page)
  server.state.roots['/moving/'] = `${join(folder, 'newer/catalog')}/`
  await page.click('.submit .primary')
  await page.waitForFunction(() => document.querySelector('.trouble') !== null || /^\d+ items$/.test(document.querySelector('.standing .count')?.textContent ?? ''))
  const told = await page.$('.trouble')
  if (told === null) assert.equal(await settled(page), 20)
  else assert.match(await told.textContent(), /replaced|Open it again/)
  await close()
})

test('offline is said, and the way back is there', async () => {
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/small`, expected: FAILED })
  await overviewed(page)
  await page.context().setOffline(true)
  await page.waitForSelector('.notice')
  await page.click('.submit .primary')
  await page.waitForSelector('.trouble')
  assert.match(await page.textContent('.trouble'), /offline/)
  // Chromium does not tell workers that they are online again: the page begins anew.
  await page.context().setOffline(false)
  await page.reload()
  await overviewed(page)
  assert.equal(await page.$('.notice'), null)
  await close()
})

test('a search that fails in the middle says so and keeps what it found', async () => {
  server.state.latencyMs = 30
  server.state.faults = [{ kind: 'status', status: 403, path: 'parquet', skip: 40 }]
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/small&run=1`, expected: FAILED })
  await page.waitForSelector('.trouble')
  assert.match(await page.textContent('.trouble'), /private/)
  Object.assign(server.state, { faults: [], latencyMs: 0 })
  await page.click('text=Try again')
  assert.equal(await settled(page), items.length)
  await close()
})

test('a catalog full of scripts is text', async () => {
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/hostile&run=1` })
  assert.equal(await settled(page), 1)
  await page.hover('.result')
  await page.click('.result')
  await page.waitForSelector('.assets')
  assert.equal(await page.textContent('.item h2'), SCRIPT)
  for (const fold of await page.$$('details')) await fold.evaluate((fold) => (fold.open = true))
  const links = await page.$$eval('a[href]', (all) => all.map((link) => link.href).filter((href) => !href.endsWith('#side')))
  assert.deepEqual([...new Set(links)].sort(), [
    'https://assets.example/file.tif?a=1&b=%3C2%3E',
    'https://bucket-of-others.s3.amazonaws.com/a%20key/%3Cb%3E',
  ])
  assert.equal(await page.$$eval('img', (all) => all.filter(({ src }) => !src.endsWith('icon.svg')).length), 0)
  const lifted = await page.evaluate(() => [window.hacked, document.querySelectorAll('#app script, #app img[onerror]').length])
  assert.deepEqual(lifted, [undefined, 0])
  assert.deepEqual(await violations(page), [])
  await page.click('text=Results >> nth=1')
  await page.click('text=Take it away')
  for (const language of ['JavaScript', 'Python', 'DuckDB']) await page.click(`.take >> text=${language}`)
  assert.equal(await page.evaluate(() => window.hacked), undefined)
  await close()
})
