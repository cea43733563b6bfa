// What is taken away: files that are checked byte by byte, and code that says the same search.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { all, catalogOf, open, root } from '../../tests/js/catalogs.mjs'
import { cli, explorer, folder, launch, served, settled } from './page.mjs'

const small = catalogOf('small')
const items = small.items()
const QUERY = { bbox: [-60, 60, -20, 84], datetime: '2015-01-01/..' }
const byId = (a, b) => (a.id < b.id ? -1 : 1)
let server
let browser
let expected

before(async () => {
  server = await served({ small: small.folder })
  browser = await launch()
  expected = (await all((await open(`${server.url}/small`)).search(QUERY))).sort(byId)
})
after(async () => {
  await browser.close()
  await server.close()
})

const found = async (bbox = QUERY.bbox) => {
  const hash = `catalog=${server.url}/small&area=${bbox}&from=2015-01-01&run=1`
  const opened = await explorer(browser, server, { hash })
  await settled(opened.page)
  await opened.page.click('text=Take it away')
  return opened
}

/** Saves in a form, as browsers do that let no page write a file; the file's content. */
async function saved(page, form) {
  await page.evaluate(() => delete Window.prototype.showSaveFilePicker && delete window.showSaveFilePicker)
  await page.selectOption('[aria-label=Form]', form)
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Save all results')])
  await page.waitForFunction((count) => new RegExp(`Saved ${count} items`).test(document.querySelector('.take')?.textContent ?? ''), expected.length)
  return readFileSync(await download.path())
}

test('addresses, a table, footprints, whole items and columns are saved', async () => {
  const { page, close } = await found()
  const urls = (await saved(page, 'url')).toString().trim().split('\n')
  assert.deepEqual(urls.sort(), expected.map(({ assets }) => assets.data.href).sort())

  const collection = JSON.parse(await saved(page, 'json'))
  assert.equal(collection.numberReturned, expected.length)
  assert.deepEqual(collection.features.sort(byId), expected)

  const footprints = JSON.parse(await saved(page, 'geojson'))
  assert.deepEqual(footprints.features.map(({ id }) => id).sort(), expected.map(({ id }) => id))
  const [first] = footprints.features.sort(byId)
  assert.deepEqual(first.geometry, expected[0].geometry)
  assert.equal(first.properties.datetime, expected[0].properties.datetime)

  const parquet = await saved(page, 'geoparquet')
  const search = (await open(`${server.url}/small`)).search(QUERY)
  const pieces = []
  for await (const piece of search.export('geoparquet')) pieces.push(piece)
  assert.deepEqual(parquet, Buffer.concat(pieces))
  assert.equal(parquet.subarray(-4).toString(), 'PAR1')

  const [head, ...rows] = (await saved(page, 'csv')).toString().trim().split('\r\n').map((line) => line.split(','))
  assert.equal(rows.length, expected.length)
  const column = (name) => rows.map((row) => row[head.indexOf(name)])
  assert.deepEqual(column('id').sort(), expected.map(({ id }) => id))
  assert.deepEqual(column('percent_valid_pixels').map(Number).sort(), expected.map(({ properties }) => properties.percent_valid_pixels).sort())
  assert.deepEqual(column('href').sort(), expected.map(({ assets }) => assets.data.href).sort())
  await close()
})

test('where the browser lets a page write a file, it is written piece by piece', async () => {
  const { page, close } = await found()
  await page.evaluate(() => {
    window.written = { pieces: 0, text: '', closed: false }
    const decoder = new TextDecoder()
    window.showSaveFilePicker = async ({ suggestedName }) => ({
      createWritable: async () => ({
        async write(piece) {
          window.written.pieces += 1
          window.written.text += decoder.decode(piece, { stream: true })
        },
        async close() {
          window.written.closed = suggestedName
        },
        async abort() {
          window.written = undefined
        },
      }),
    })
  })
  await page.selectOption('[aria-label=Form]', 'json')
  await page.click('text=Save all results')
  await page.waitForFunction(() => window.written.closed)
  const written = await page.evaluate(() => window.written)
  assert.equal(written.closed, 'items.json')
  assert.ok(written.pieces > 1, `${written.pieces} pieces`)
  assert.deepEqual(JSON.parse(written.text).features.sort(byId), expected)
  await close()
})

test('the command line that is shown finds the same', async () => {
  const { page, close } = await found()
  const line = await page.textContent('.take .code pre')
  const words = line.replaceAll('\\\n', ' ').replace(/^earthcatalog/, cli)
  const { stdout } = await promisify(execFile)('bash', ['-c', words], { maxBuffer: 1 << 28 })
  const output = stdout.trim().split('\n')
  assert.deepEqual(output.map((line) => JSON.parse(line).id).sort(), expected.map(({ id }) => id))
  await close()
})

/** What the code of a language prints; nothing where the interoperability tests have not installed what it takes. */
async function printed(environment, language, bbox, adapt) {
  const python = `${root}/target/python/${environment}/bin/python`
  if (!existsSync(python)) {
    console.log(`skipped: ${environment} is not installed: make interop`)
    return undefined
  }
  const { page, close } = await found(bbox)
  await page.click(`.take >> text=${language}`)
  await page.waitForFunction(() => /^import/.test(document.querySelector('.take .code pre').textContent))
  const text = adapt(await page.textContent('.take .code pre'))
  await close()
  const { stdout } = await promisify(execFile)(python, ['-c', text], { maxBuffer: 1 << 28 })
  return stdout.trim().split('\n').sort()
}

test('the Python program that is shown finds the same', async () => {
  // Its DuckDB looks for extensions below HOME.
  const home = `${folder}/home`
  const place = `import glob, importlib, os, shutil
os.environ["HOME"] = ${JSON.stringify(home)}
for name in ("spatial", "icu", "parquet", "json"):
    package = importlib.import_module("duckdb_extension_" + name).__path__[0]
    (extension,) = glob.glob(package + "/extensions/*/*.duckdb_extension")
    version = os.path.basename(os.path.dirname(extension))
    for platform in ("linux_amd64", "linux_arm64", "osx_amd64", "osx_arm64"):
        to = os.path.join(os.environ["HOME"], ".duckdb/extensions", version, platform)
        os.makedirs(to, exist_ok=True)
        shutil.copy(extension, to)
`
  // It opens file after file: a small area will do.
  const { bbox } = expected[0]
  const wanted = await all((await open(`${server.url}/small`)).search({ ...QUERY, bbox }))
  const ids = await printed('earthcatalog', 'Python', bbox, (text) => place + text)
  // It gives an item once for each of its cells.
  if (ids !== undefined) assert.deepEqual([...new Set(ids)], wanted.map(({ id }) => id).sort())
})

test('DuckDB reads the files that are shown, and finds the same', async () => {
  // Offline, extensions come from packages.
  const load = `import duckdb, glob, importlib
for name in ("httpfs", "spatial"):
    folder = importlib.import_module("duckdb_extension_" + name).__path__[0]
    duckdb.sql("LOAD '" + glob.glob(folder + "/extensions/v" + duckdb.__version__ + "/*.duckdb_extension")[0] + "'")`
  const adapt = (text) =>
    text
      .replace('import duckdb', load)
      .replace('duckdb.sql("INSTALL spatial; LOAD spatial")', '')
      .replace('print(rows)', 'print("\\n".join(rows.df()["id"]))')
  const ids = await printed('latest', 'DuckDB', QUERY.bbox, adapt)
  if (ids !== undefined) assert.deepEqual(ids, expected.map(({ id }) => id))
})

test('the drawer tells why it was fast', async () => {
  const { page, close } = await found()
  await page.click('.standing >> text=Why')
  const drawer = await page.textContent('.drawer')
  const search = (await open(`${server.url}/small`)).search(QUERY)
  await all(search)
  const plan = await search.explain()
  assert.ok(drawer.includes(`in the catalog${plan.files.total}`), drawer)
  assert.ok(drawer.includes(`left after the grid${plan.files.afterGrid}`))
  assert.ok(drawer.includes(`left after the time${plan.files.afterTime}`))
  assert.ok(drawer.includes(`Row groups read${plan.rowGroups.read} of ${plan.rowGroups.total}`))
  const rows = await page.$$('.requests tbody tr')
  assert.ok(rows.length > 0)
  await page.keyboard.press('Escape')
  await page.waitForSelector('.drawer', { state: 'detached' })
  assert.equal(items.length, 300)
  await close()
})
