// The explorer as a person uses it, on a catalog whose answers are known.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { all, catalogOf, open } from '../../tests/js/catalogs.mjs'
import { addressed, catalogWith, colour, explorer, launch, overviewed, served, settled, violations } from './page.mjs'

const small = catalogOf('small')
const items = small.items()
const regions = catalogOf('regions')
let server
let browser
let catalog

before(async () => {
  server = await served({ small: small.folder, regions: regions.folder })
  browser = await launch()
  catalog = await open(`${server.url}/small`)
})
after(async () => {
  await browser.close()
  await server.close()
})
beforeEach(() => {
  Object.assign(server.state, { faults: [], latencyMs: 0 })
  server.reset()
})

const at = (words = '') => `catalog=${server.url}/small${words}`
/** The ids that the package finds for the same search. */
const idsOf = async (query) => (await all(catalog.search(query))).map(({ id }) => id).sort()
const ringOf = (text) => ({ type: 'Polygon', coordinates: [/\(\((.*)\)\)/.exec(text)[1].split(', ').map((pair) => pair.split(' ').map(Number))] })

/** Presses Search, and gives the number found. */
async function search(page) {
  await page.click('#tab-search')
  await page.click('.submit .primary')
  return settled(page)
}

test('the whole catalog is shown from its manifests alone', async () => {
  const { page, close } = await explorer(browser, server, { hash: at() })
  await overviewed(page)
  const totals = await page.textContent('dl.totals')
  const info = catalog.info()
  assert.match(totals, /Items300/)
  assert.match(totals, new RegExp(`Files${info.snapshot.totalDataFiles.toLocaleString('en')}`))
  assert.match(totals, /H3, res\. 1/)
  const years = items.map(({ properties }) => properties.datetime.slice(0, 4)).sort()
  assert.match(totals, new RegExp(`Years${years[0]}–${years.at(-1)}`))
  const [fullest] = await catalog.topCells(1)
  assert.match(await page.textContent('.legend'), new RegExp(`${fullest.rowCount}$`))
  const data = server.asked(/\/grid_partition=/)
  assert.deepEqual(data, [], 'no data file is asked for')
  assert.deepEqual(await violations(page), [])
  await close()
})

test('hovering a cell tells its items by year', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&proj=3413&view=-45,72,4') })
  await overviewed(page)
  const box = await (await page.$('.canvas')).boundingBox()
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 3 })
  const [cell] = catalog.cellsForGeometry({ type: 'Point', coordinates: [-45, 72] })
  const mine = (await catalog.stats()).filter(({ gridPartition }) => gridPartition === cell)
  const tip = await page.textContent('.tip')
  assert.match(tip, new RegExp(cell))
  assert.match(tip, new RegExp(`^${mine.reduce((sum, { rowCount }) => sum + rowCount, 0)} item`))
  const last = mine.at(-1)
  assert.match(tip, new RegExp(`${last.year}${last.rowCount}`))
  await close()
})

test('a catalog beside the page opens by itself', async () => {
  server.state.roots['/site/'] = server.state.roots['/app/']
  server.state.roots['/site/earthcatalog.db'] = `${small.folder}/earthcatalog.db`
  server.state.roots['/site/warehouse/'] = `${small.folder}/warehouse/`
  const { page, close } = await explorer(browser, server, { path: '/site/index.html' })
  await overviewed(page)
  assert.match(await page.textContent('dl.totals'), /Items300/)
  await close()
})

test('regions are drawn in place of cells', async () => {
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/regions&proj=4326&view=90,45,2` })
  await overviewed(page)
  assert.match(await page.textContent('dl.totals'), /named regions/)
  const box = await (await page.$('.canvas')).boundingBox()
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 3 })
  assert.match(await page.textContent('.tip'), /north/)
  await close()
})

test('a box that is drawn is searched', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&proj=3857&view=-40,70,3') })
  await overviewed(page)
  await page.click('button[aria-label="Draw a box"]')
  const box = await (await page.$('.canvas')).boundingBox()
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x - 120, y - 90)
  await page.mouse.down()
  await page.mouse.move(x + 60, y + 100, { steps: 5 })
  await page.mouse.up()
  const text = await page.inputValue('[aria-label^="Area as"]')
  const bbox = text.split(',').map(Number)
  assert.ok(bbox.length === 4 && bbox[0] < -40 && bbox[2] > -40 && bbox[1] < 70 && bbox[3] > 70, text)
  const expected = await idsOf({ bbox })
  assert.ok(expected.length > 0)
  assert.equal(await search(page), expected.length)
  await close()
})

test('an area drawn around the pole is one', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&proj=3031&view=0,-90,3') })
  await overviewed(page)
  await page.click('button[aria-label="Draw a polygon"]')
  const box = await (await page.$('.canvas')).boundingBox()
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  for (const [dx, dy] of [[-150, -150], [150, -150], [150, 150], [-150, 150]]) await page.mouse.click(x + dx, y + dy)
  await page.mouse.dblclick(x - 150, y + 150)
  await page.waitForFunction(() => document.querySelector('[aria-label^="Area as"]').value.startsWith('POLYGON'))
  const intersects = ringOf(await page.inputValue('[aria-label^="Area as"]'))
  const expected = await idsOf({ intersects })
  const south = items.filter(({ bbox }) => bbox[3] < -80).map(({ id }) => id)
  assert.ok(south.length > 0 && south.every((id) => expected.includes(id)), 'what lies at the pole is in it')
  assert.equal(await search(page), expected.length)
  await close()
})

test('a point is clicked, the view is taken, WKT is pasted, GeoJSON uploaded', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&proj=3413&view=-45,70,5') })
  await overviewed(page)
  const area = () => page.inputValue('[aria-label^="Area as"]')
  const box = await (await page.$('.canvas')).boundingBox()
  await page.click('button[aria-label="Draw a point"]')
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2)
  const [, x, y] = /POINT \((\S+) (\S+)\)/.exec(await area())
  assert.ok(Math.abs(x - -45) < 0.1 && Math.abs(y - 70) < 0.1, await area())
  await page.click('button[aria-label="Use the current view"]')
  const seen = await idsOf({ intersects: ringOf(await area()) })
  assert.equal(await search(page), seen.length)
  await page.click('#tab-search')
  const wkt = 'MULTIPOLYGON (((-60 60, -20 60, -20 84, -60 84, -60 60)), ((-150 58, -140 58, -140 62, -150 62, -150 58)))'
  await page.fill('[aria-label^="Area as"]', wkt)
  const coordinates = [[[[-60, 60], [-20, 60], [-20, 84], [-60, 84], [-60, 60]]], [[[-150, 58], [-140, 58], [-140, 62], [-150, 62], [-150, 58]]]]
  assert.equal(await search(page), (await idsOf({ intersects: { type: 'MultiPolygon', coordinates } })).length)
  await page.click('#tab-search')
  const feature = { type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: coordinates[1] } }
  const buffer = Buffer.from(JSON.stringify({ type: 'FeatureCollection', features: [feature] }))
  await page.setInputFiles('input[type=file]', { name: 'area.geojson', mimeType: 'application/geo+json', buffer })
  await page.waitForFunction(() => document.querySelector('[aria-label^="Area as"]').value.startsWith('POLYGON ((-150'))
  assert.equal(await search(page), (await idsOf({ intersects: feature.geometry })).length)
  await close()
})

test('a wrong area is refused with what is wrong', async () => {
  const { page, close } = await explorer(browser, server, { hash: at() })
  await overviewed(page)
  for (const [text, reason] of [['POLYGON ((0 0, 1 1', /ends too early/], ['1,2,3', /four numbers/], ['{"type":"Circle"}', /Circle/], ['0,0,0,95', /-90 and 90/]]) {
    await page.fill('[aria-label^="Area as"]', text)
    await page.click('.submit .primary')
    await page.waitForFunction((source) => new RegExp(source).test(document.querySelector('.submit .wrong')?.textContent ?? ''), reason.source)
  }
  await close()
})

test('the years are brushed with the pointer and with keys', async () => {
  const { page, close } = await explorer(browser, server, { hash: at() })
  await overviewed(page)
  const years = [...new Set(items.map(({ properties }) => Number(properties.datetime.slice(0, 4))))].sort()
  const [first, last] = [years[0], years.at(-1)]
  const width = last - first + 1
  const box = await (await page.$('.bars svg')).boundingBox()
  const x = (year) => box.x + (box.width * (year - first + 0.5)) / width
  await page.mouse.move(x(last - 6), box.y + 20)
  await page.mouse.down()
  await page.mouse.move(x(last - 3), box.y + 20, { steps: 4 })
  await page.mouse.up()
  assert.equal(await page.inputValue('[aria-label=From]'), `${last - 6}-01-01`)
  assert.equal(await page.inputValue('[aria-label=To]'), `${last - 3}-12-31`)
  assert.equal(await search(page), (await idsOf({ datetime: `${last - 6}-01-01/${last - 3}-12-31` })).length)
  await page.focus('[role=slider][aria-label="Last year"]')
  await page.keyboard.press('ArrowRight')
  await page.focus('[role=slider][aria-label="First year"]')
  await page.keyboard.press('ArrowLeft')
  assert.equal(await search(page), (await idsOf({ datetime: `${last - 7}-01-01/${last - 2}-12-31` })).length)
  await page.click('#tab-search')
  await page.click('text=Last year')
  assert.equal(await search(page), (await idsOf({ datetime: `${last}` })).length)
  await close()
})

test('months are brushed where the catalog has them', async () => {
  const recent = items.filter(({ properties }) => properties.datetime >= '2023-')
  server.state.roots['/monthly/'] = `${catalogWith('monthly', recent, ['--time-bin', 'month'])}/`
  const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/monthly` })
  await overviewed(page)
  const months = recent.map(({ properties }) => properties.datetime.slice(0, 7)).sort()
  const index = (month) => Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1
  const count = index(months.at(-1)) - index(months[0]) + 1
  assert.equal((await page.$$('.bars rect.in')).length, count)
  const box = await (await page.$('.bars svg')).boundingBox()
  const wanted = months[Math.floor(months.length / 2)]
  await page.mouse.click(box.x + (box.width * (index(wanted) - index(months[0]) + 0.5)) / count, box.y + 20)
  assert.equal(await page.inputValue('[aria-label=From]'), `${wanted}-01`)
  const last = await page.inputValue('[aria-label=To]')
  assert.ok(last.startsWith(wanted) && last > `${wanted}-27`, last)
  const expected = await all((await open(`${server.url}/monthly`)).search({ datetime: `${wanted}-01/${last}` }))
  assert.equal(await search(page), expected.length)
  await close()
})

test('a filter is built from the columns, shown as CQL2 and edited; results are ordered', async () => {
  const { page, close } = await explorer(browser, server, { hash: at() })
  await overviewed(page)
  await page.click('text=Add a condition')
  await page.selectOption('[aria-label="Column of condition 1"]', 'percent_valid_pixels')
  await page.selectOption('[aria-label="Operator of condition 1"]', '>')
  const { lower, upper } = (await catalog.columnStats()).find(({ name }) => name === 'percent_valid_pixels')
  assert.equal(await page.textContent('.condition .note'), `whole number, ${lower} to ${upper}`)
  await page.fill('[aria-label="Value of condition 1"]', '60')
  const cql2 = '[aria-label="Filter as CQL2 text"]'
  assert.equal(await page.inputValue(cql2), 'percent_valid_pixels > 60')
  assert.deepEqual(await violations(page), [])
  assert.equal(await search(page), (await idsOf({ filter: 'percent_valid_pixels > 60' })).length)
  await page.click('#tab-search')
  const edited = "percent_valid_pixels > 60 AND platform LIKE 'S%'"
  await page.fill(cql2, edited)
  await page.selectOption('#sort', 'percent_valid_pixels')
  await page.selectOption('[aria-label=Direction]', '-')
  assert.equal(await search(page), (await idsOf({ filter: edited })).length)
  const [first] = await all(catalog.search({ filter: edited, sortby: ['-percent_valid_pixels'], maxItems: 1 }))
  assert.equal(await page.textContent('.result >> nth=0 >> .result-id'), first.id)
  await page.click('#tab-search')
  await page.fill(cql2, 'percent_valid_pixels >')
  await page.click('.submit .primary')
  await page.waitForSelector(`${cql2}[aria-invalid=true]`)
  await close()
})

test('what is hovered in the list is marked on the map, and the other way round', async () => {
  const item = items.find(({ bbox }) => bbox[1] > 60 && bbox[3] < 80 && bbox[0] > -60 && bbox[2] < -20)
  const [x, y] = [(item.bbox[0] + item.bbox[2]) / 2, (item.bbox[1] + item.bbox[3]) / 2]
  const { page, close } = await explorer(browser, server, { hash: at(`&proj=3413&view=${x},${y},8&ids=${item.id}&run=1`) })
  assert.equal(await settled(page), 1)
  const before = await colour(page)
  await page.hover('.result')
  await page.waitForFunction(() => document.querySelector('.result.hovered'))
  await page.waitForTimeout(100)
  assert.notDeepEqual(await colour(page), before)
  await page.hover('#tab-results')
  await page.waitForSelector('.result.hovered', { state: 'detached' })
  const box = await (await page.$('.canvas')).boundingBox()
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 2 })
  await page.waitForSelector('.result.hovered')
  await close()
})

test('in the dark, everything is legible too', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&run=1'), colorScheme: 'dark' })
  assert.equal(await settled(page), items.length)
  assert.deepEqual(await violations(page), [])
  await page.click('.standing >> text=Why')
  assert.deepEqual(await violations(page), [])
  await page.keyboard.press('Escape')
  await page.click('text=Take it away')
  assert.deepEqual(await violations(page), [])
  await page.click('#tab-search')
  await page.click('text=Add a condition')
  assert.deepEqual(await violations(page), [])
  await page.click('button[aria-label="Light colours"]')
  assert.deepEqual(await violations(page), [])
  await close()
})

test('ids find their items', async () => {
  const { page, close } = await explorer(browser, server, { hash: at() })
  await overviewed(page)
  await page.fill('#ids', `${items[7].id}, ${items[3].id} nosuch`)
  assert.equal(await search(page), 2)
  await close()
})

test('results stream in, and a search is cancelled', async () => {
  const { page, close } = await explorer(browser, server, { hash: at(), expected: /never/ })
  await overviewed(page)
  server.state.latencyMs = 300
  await page.click('.submit .primary')
  await page.waitForFunction(() => /file \d+ of \d+/.test(document.querySelector('.standing .count')?.textContent ?? ''))
  await page.waitForFunction(() => document.querySelectorAll('.result').length > 0)
  await page.click('text=Cancel')
  const found = await settled(page)
  assert.ok(found > 0 && found < items.length, `${found}`)
  assert.match(await page.textContent('.standing .count'), /Cancelled after/)
  await server.quiet()
  const sent = server.log.length
  await page.click('#tab-search')
  await page.click('#tab-results')
  assert.equal(server.log.length, sent, 'nothing is asked for after the end')
  await close()
})

test('an item is looked at: list, map, assets, raw JSON', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&run=1') })
  assert.equal(await settled(page), items.length)
  assert.deepEqual(await violations(page), [])
  await page.click('.result >> nth=1')
  await page.waitForSelector('.assets')
  const id = await page.textContent('.item h2')
  const item = items.find((item) => item.id === id)
  await page.click('text=Raw JSON')
  assert.deepEqual(JSON.parse(await page.textContent('.item .code pre')), item)
  const hrefs = await page.$$eval('.asset-href', (all) => all.map(({ textContent }) => textContent))
  assert.deepEqual(hrefs.sort(), Object.values(item.assets).map(({ href }) => href).sort())
  const properties = await page.textContent('.properties')
  for (const [name, value] of Object.entries(item.properties)) assert.ok(properties.includes(`${name}${value}`), name)
  assert.deepEqual(await violations(page), [])
  const words = await addressed(page, /item=/)
  assert.equal(words.get('item'), id)
  await page.click('text=Results >> nth=1')
  await page.waitForSelector('.list')
  await close()
})

test('clicking a footprint on the map selects its item', async () => {
  const item = items.find(({ bbox }) => bbox[1] > 60 && bbox[3] < 80 && bbox[0] > -60 && bbox[2] < -20)
  const [x, y] = [(item.bbox[0] + item.bbox[2]) / 2, (item.bbox[1] + item.bbox[3]) / 2]
  const { page, close } = await explorer(browser, server, { hash: at(`&proj=3413&view=${x},${y},7&ids=${item.id}&run=1`) })
  assert.equal(await settled(page), 1)
  const box = await (await page.$('.canvas')).boundingBox()
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 2 })
  assert.match(await page.textContent('.tip'), new RegExp(item.id))
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2)
  await page.waitForSelector('.item h2')
  assert.equal(await page.textContent('.item h2'), item.id)
  await close()
})

test('the list and the form work with the keyboard alone', async () => {
  const { page, close } = await explorer(browser, server, { hash: at() })
  await overviewed(page)
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'To the search')
  await page.keyboard.press('Enter')
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.textContent)
  const reach = async (wanted) => {
    for (let step = 0; step < 60; step++) {
      await page.keyboard.press('Tab')
      if (wanted.test(await focused())) return
    }
    assert.fail(`Tab does not reach ${wanted}`)
  }
  await reach(/^Area as/)
  await page.keyboard.type('-60,60,-20,84')
  await reach(/^Search$/)
  await page.keyboard.press('Enter')
  assert.equal(await settled(page), (await idsOf({ bbox: [-60, 60, -20, 84] })).length)
  await reach(/^Items$/)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  const active = await page.textContent('.result.active .result-id')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.item h2')
  assert.equal(await page.textContent('.item h2'), active)
  await page.keyboard.press('Escape')
  await page.waitForSelector('.list')
  assert.equal(await page.textContent('.result.active .result-id'), active, 'the list is where it was')
  await close()
})

test('nothing found: the condition is named and lifted', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&area=-60,60,-20,84&from=1970&to=1971&run=1') })
  await page.waitForSelector('.empty .primary')
  assert.match(await page.textContent('.empty'), /The time \(1970\/1971\) keeps everything away/)
  assert.deepEqual(await violations(page), [])
  await page.click('text=Search without the time')
  assert.equal(await settled(page), (await idsOf({ bbox: [-60, 60, -20, 84] })).length)
  await close()
})

test('a link opens exactly what was seen', async () => {
  const hash = at('&proj=3031&view=10,-75,4.5&area=-180,-90,180,-60&from=2015-01-01&run=1&theme=dark')
  const { page, close } = await explorer(browser, server, { hash })
  const found = await settled(page)
  assert.equal(found, (await idsOf({ bbox: [-180, -90, 180, -60], datetime: '2015-01-01/..' })).length)
  await page.click('.result >> nth=2')
  await page.waitForSelector('.item h2')
  const id = await page.textContent('.item h2')
  const before = await addressed(page, /item=/)
  assert.deepEqual(before.get('view').split(',').map(Number), [10, -75, 4.5])
  await page.reload()
  await page.waitForSelector('.item h2')
  assert.equal(await page.textContent('.item h2'), id)
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark')
  await page.waitForSelector('.assets')
  const after = await addressed(page, /item=/)
  assert.deepEqual(Object.fromEntries(after), Object.fromEntries(before))
  await close()
})

test('projections are switched, and cells lie over poles and antimeridian', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&proj=3857&view=0,0,1') })
  await overviewed(page)
  for (const [name, code] of [['Arctic', '3413'], ['Antarctic', '3031'], ['Lat/lon', '4326'], ['Mercator', '3857']]) {
    await page.click(`.projections >> text="${name}"`)
    const words = await addressed(page, new RegExp(`proj=${code}`))
    assert.equal(words.get('proj'), code)
  }
  await close()
})

test('the cell at the pole covers it, without a gap at the antimeridian', async () => {
  const polar = new URL('../../tests/fixtures/polar', import.meta.url).pathname
  server.state.roots['/polar/'] = `${polar}/`
  const held = await open(`${server.url}/polar`)
  const cells = new Set((await held.stats()).map(({ gridPartition }) => gridPartition))
  for (const [code, latitude] of [['3413', 89.9], ['3031', -89.9]]) {
    const [cell] = held.cellsForGeometry({ type: 'Point', coordinates: [0, latitude] })
    if (!cells.has(cell)) continue
    const { page, close } = await explorer(browser, server, { hash: `catalog=${server.url}/polar&proj=${code}&view=0,${latitude},4` })
    await overviewed(page)
    await page.waitForTimeout(500)
    const [middle, left, right] = [await colour(page), await colour(page, 0.48, 0.5), await colour(page, 0.5, 0.52)]
    const sea = await page.evaluate(() => getComputedStyle(document.querySelector('.map')).backgroundColor)
    const far = (a, b) => Math.max(...a.map((value, at) => Math.abs(value - b[at])))
    for (const near of [left, right]) assert.ok(far(middle, near) < 12, `${middle} ${near}`)
    assert.ok(far(middle, sea.match(/\d+/g).map(Number)) > 12, `${middle} ${sea}`)
    await close()
  }
})

test('on a phone everything is there and nothing sticks out', async () => {
  const { page, close } = await explorer(browser, server, { hash: at('&area=-60,60,-20,84'), viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  await overviewed(page)
  await page.tap('.submit .primary')
  await settled(page)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  assert.ok(wide <= 390, `${wide}`)
  await page.tap('.result >> nth=0')
  await page.waitForSelector('.assets')
  assert.deepEqual(await violations(page), [])
  await close()
})

test('a policy keeps scripts of others out', async () => {
  const text = readFileSync(new URL('../dist/index.html', import.meta.url), 'utf8')
  assert.match(text, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval'/)
  assert.ok(!/unsafe-inline|'unsafe-eval'/.test(text))
  assert.ok(!/<script(?![^>]*\bsrc=)/.test(text), 'no inline script')
  const { page, close } = await explorer(browser, server, { hash: at(), expected: /Content Security Policy/ })
  await overviewed(page)
  await page.evaluate(() => {
    const script = document.createElement('script')
    script.textContent = 'window.hacked = true'
    document.body.append(script)
  })
  assert.equal(await page.evaluate(() => window.hacked), undefined)
  await close()
})
