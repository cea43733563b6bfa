// The package as its users call it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { tableFromIPC } from 'apache-arrow'
import { EarthCatalogError, all, catalogOf, open } from './catalogs.mjs'
import { serve } from './server.mjs'

const small = catalogOf('small')
const items = small.items()
let server
let catalog

before(async () => {
  server = await serve({ roots: { '/small': small.folder } })
  catalog = await open(`${server.url}/small/earthcatalog.db`)
})
after(() => server.close())
beforeEach(() => Object.assign(server.state, { faults: [], latencyMs: 0 }))

const byId = (a, b) => (a.id < b.id ? -1 : 1)

test('every item comes back as it went in, once', async () => {
  const found = await all(catalog.search())
  assert.deepEqual(found.sort(byId), items.toSorted?.(byId) ?? [...items].sort(byId))
})

test('a catalog tells of itself', async () => {
  const info = catalog.info()
  assert.equal(typeof info.snapshot.snapshotId, 'string')
  assert.deepEqual(info.grid, { type: 'h3', resolution: 1 })
  const stats = await catalog.stats()
  const rows = stats.reduce((sum, { rowCount }) => sum + rowCount, 0)
  assert.equal(rows, info.snapshot.totalRecords)
  const [first, second] = await catalog.topCells(2)
  assert.ok(first.rowCount >= second.rowCount)
  const cell = stats.filter(({ gridPartition }) => gridPartition === first.gridPartition)
  assert.equal(cell.reduce((sum, { rowCount }) => sum + rowCount, 0), first.rowCount)
  assert.equal(await catalog.uniqueItemCount(), items.length)
})

test('cells of a geometry, as a list and as SQL', () => {
  const point = { type: 'Point', coordinates: [-45, 70] }
  const cells = catalog.cellsForGeometry(point)
  assert.deepEqual(cells, ['8106bffffffffff'])
  assert.equal(catalog.cellListSql(point), "grid_partition IN ('8106bffffffffff')")
})

test('columns are told with the range of what they hold', async () => {
  const columns = new Map((await catalog.columnStats()).map((column) => [column.name, column]))
  const valid = items.map(({ properties }) => properties.percent_valid_pixels).filter((value) => value !== undefined)
  const { type, lower, upper, nullCount, filesWithoutBounds } = columns.get('percent_valid_pixels')
  assert.deepEqual([type, lower, upper], ['long', Math.min(...valid), Math.max(...valid)])
  assert.deepEqual([nullCount, filesWithoutBounds], [0, 0])
  // Of times the manifests tell where they begin at the earliest, rounded by a sixteenth of a file's range at most.
  const times = items.map(({ properties }) => Date.parse(properties.datetime))
  const [first, last] = [Math.min(...times), Math.max(...times)]
  const told = Date.parse(columns.get('datetime').lower)
  assert.ok(told <= first && first - told <= (last - first) / 16, `${told} of ${first} to ${last}`)
  for (const name of ['assets', 'grid_partition', 'geometry', 'json_patch']) assert.ok(!columns.has(name), name)
})

test('outlines of cells are cut at the antimeridian, or run across it', async () => {
  const cells = [...new Set((await catalog.stats()).map(({ gridPartition }) => gridPartition))]
  const { type, features } = catalog.cellBoundaries(cells)
  assert.equal(type, 'FeatureCollection')
  assert.deepEqual(features.map(({ id }) => id), cells)
  const jumps = (ring) => ring.slice(1).some(([x], at) => Math.abs(x - ring[at][0]) > 180 && Math.abs(x - ring[at][0]) < 360)
  const rings = ({ geometry: { type, coordinates } }) => (type === 'Polygon' ? coordinates : coordinates.flat())
  assert.ok(features.every((feature) => !rings(feature).some(jumps)))
  const [middle] = catalog.cellsForGeometry({ type: 'Point', coordinates: [180, 10] })
  const [across, none] = catalog.cellBoundaries([middle, '__none__'], { cut: false }).features
  assert.ok(rings(across).some(jumps), 'this cell lies across ±180')
  assert.equal(catalog.cellBoundaries([middle]).features[0].geometry.type, 'MultiPolygon')
  assert.equal(none.geometry, null)
  assert.throws(() => catalog.cellBoundaries(middle), /cells/)
})

test('a geometry is cut for maps', () => {
  const ring = [[170, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]]
  const { type, coordinates } = catalog.cutAtAntimeridian({ type: 'Polygon', coordinates: [ring] })
  assert.equal(type, 'MultiPolygon')
  assert.deepEqual(coordinates.flat(2).map(([x]) => Math.abs(x)).sort()[0], 170)
  const line = { type: 'LineString', coordinates: [[0, 0], [1, 1]] }
  assert.deepEqual(catalog.cutAtAntimeridian(line), line)
  assert.throws(() => catalog.cutAtAntimeridian({ type: 'Circle' }), /Circle/)
})

test('pages, counts, addresses and collections are the same items', async () => {
  const search = catalog.search({ limit: 40, maxItems: 100 })
  const pages = []
  for await (const page of search.pages()) pages.push(page)
  assert.deepEqual(pages.map(({ numberReturned }) => numberReturned), [40, 40, 20])
  assert.equal(await search.matched(), items.length, 'whatever maxItems says')
  const collection = await search.itemCollection()
  assert.equal(collection.type, 'FeatureCollection')
  assert.deepEqual(pages.flatMap(({ features }) => features), collection.features)
  const uris = await search.uris('data')
  assert.deepEqual(uris, collection.features.map(({ assets }) => assets.data.href))
  assert.deepEqual(await search.uris('no such asset'), [])
})

test('rows come as an Arrow stream', async () => {
  const table = tableFromIPC(await catalog.search({ datetime: '2018/..' }).toArrow())
  const ids = await all(catalog.search({ datetime: '2018/..' }))
  assert.deepEqual([...table.getChild('id')], ids.map(({ id }) => id))
  const none = tableFromIPC(await catalog.search({ datetime: '1960' }).toArrow())
  assert.equal(none.numRows, 0)
  assert.ok(none.schema.fields.some(({ name }) => name === 'geometry'))
})

test('files of a search are addresses below the catalog', async () => {
  const files = await catalog.searchFiles({ bbox: [-60, 60, -20, 84], datetime: '2018' })
  const none = await catalog.searchFiles({ datetime: '1960' })
  assert.ok(files.length > 0 && files.every((file) => file.startsWith(`${server.url}/small/`)))
  assert.deepEqual(none, [])
})

test('an explanation without a reading plans, and with one tells what was done', async () => {
  const search = catalog.search({ datetime: '2018' })
  const plan = await search.explain()
  assert.equal(plan.files.opened, 0)
  assert.ok(plan.files.afterTime < plan.files.total)
  const found = await all(search)
  const done = await search.explain()
  assert.equal(done.files.opened, done.files.afterBounds)
  assert.equal(done.items, found.length)
})

test('leaving the loop ends the reading', async () => {
  const fresh = await open(`${server.url}/small`)
  server.state.latencyMs = 20
  server.reset()
  const search = fresh.search()
  for await (const _ of search) break
  // The server may not have seen yet all that was sent.
  const { files, requests } = await search.explain()
  assert.ok(files.opened < files.afterBounds, `${files.opened} of ${files.afterBounds}`)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(server.log.length <= requests, `${server.log.length} were asked for, ${requests} before the end`)
})

test('a signal ends a search with its own reason, and its requests', async () => {
  server.state.latencyMs = 50
  const fresh = await open(`${server.url}/small`)
  const controller = new AbortController()
  const reason = new Error('enough')
  const reading = all(fresh.search({ signal: controller.signal }))
  setTimeout(() => controller.abort(reason), 80)
  await assert.rejects(reading, (error) => error === reason)
  await assert.rejects(all(fresh.search({ signal: controller.signal })), (error) => error === reason)
  await assert.rejects(open(`${server.url}/small`, { signal: AbortSignal.abort(reason) }), (error) => error === reason)
  server.state.latencyMs = 0
  assert.equal((await all(fresh.search())).length, items.length, 'the catalog lives on')
})

test('progress is told and grows', async () => {
  const steps = []
  await all((await open(`${server.url}/small`)).search({ onProgress: (step) => steps.push(step) }))
  const last = steps.at(-1)
  assert.ok(steps.length > 2)
  assert.equal(last.items, items.length)
  assert.equal(last.filesRead, last.filesTotal)
  for (const [before, after] of steps.slice(1).map((step, at) => [steps[at], step])) {
    assert.ok(before.requests <= after.requests && before.items <= after.items)
  }
})

test('searches at the same time do not disturb each other', async () => {
  const years = ['2016', '2017', '2018', '2019', '2020']
  const apart = []
  for (const datetime of years) apart.push(await catalog.search({ datetime }).matched())
  const together = await Promise.all(years.map((datetime) => catalog.search({ datetime }).matched()))
  assert.deepEqual(together, apart)
})

test('calls that are wrong fail at once and say why', () => {
  const wrong = [
    [{ bbox: [1, 2, 3] }, /bbox/],
    [{ bbox: [0, 0, 1, 1], intersects: { type: 'Point', coordinates: [0, 0] } }, /only one/],
    [{ datetime: 'yesterday' }, /yesterday/],
    [{ datetime: '2021/2020' }, /2021/],
    [{ ids: 'one' }, /ids/],
    [{ limit: 0 }, /limit/],
    [{ where: 'id = 1' }, /where/],
    [{ intersects: { type: 'Circle' } }, /Circle/],
  ]
  for (const [query, message] of wrong) {
    assert.throws(() => catalog.search(query), (error) => {
      assert.ok(error instanceof EarthCatalogError, String(error))
      assert.equal(error.kind, 'invalid')
      assert.match(error.message, message)
      return true
    })
  }
})

test('a filter is text or JSON, and a property that no item has is told', async () => {
  const [one] = items
  const instant = { timestamp: one.properties.datetime }
  const json = { op: '<=', args: [{ property: 'datetime' }, instant] }
  const text = `datetime <= TIMESTAMP('${instant.timestamp}')`
  const expected = items.filter((item) => Date.parse(item.properties.datetime) <= Date.parse(instant.timestamp))
  for (const filter of [json, text]) {
    const found = await all(catalog.search({ filter }))
    assert.deepEqual(found.map((item) => item.id).sort(), expected.map((item) => item.id).sort())
  }
  assert.equal(await catalog.search({ filter: `id = '${one.id}'`, filterLang: 'cql2-text' }).matched(), 1)
  const search = catalog.search({ filter: 'nosuch IS NULL AND id IS NOT NULL' })
  assert.equal((await all(search)).length, items.length)
  const { warnings } = await search.explain()
  assert.equal(warnings.filter((warning) => warning.includes('`nosuch`')).length, 1)
  assert.throws(() => catalog.search({ filter: 'id = ' }), /a value is expected/)
})

test('a closed catalog says so', async () => {
  const closed = await open(`${server.url}/small`)
  closed.close()
  closed.close()
  assert.throws(() => closed.search(), /closed/)
  await assert.rejects(closed.stats(), /closed/)
  if (typeof Symbol.dispose === 'symbol') assert.equal(typeof closed[Symbol.dispose], 'function')
})
