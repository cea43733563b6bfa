// Searches as files: the bytes are those of the command line, in every format.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { tableFromIPC } from 'apache-arrow'
import { EarthCatalogError, catalogOf, open, root } from './catalogs.mjs'
import { serve } from './server.mjs'

const run = promisify(execFile)
const cli = process.env.EARTHCATALOG ?? join(root, 'target/debug/earthcatalog')
const small = catalogOf('small')
let server
let catalog

before(async () => {
  server = await serve({ roots: { '/small': small.folder } })
  catalog = await open(`${server.url}/small`)
})
after(() => server.close())

/** What the command line prints for a search. */
async function printed(...words) {
  const options = { encoding: 'buffer', maxBuffer: 1 << 28 }
  const { stdout } = await run(cli, ['search', `${server.url}/small`, ...words], options)
  return stdout
}

async function exported(query, format, options) {
  const pieces = []
  for await (const piece of catalog.search(query).export(format, options)) {
    assert.ok(piece instanceof Uint8Array && piece.byteLength > 0)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

for (const format of ['ndjson', 'geojson', 'json', 'csv', 'url', 'arrow', 'geoparquet']) {
  test(`${format} has the bytes of the command line`, async () => {
    const all = await exported({}, format)
    assert.ok(all.length > 0)
    assert.ok(all.equals(await printed('--format', format)), 'all items')
    const some = await exported({ datetime: '2018/..', maxItems: 7 }, format)
    assert.ok(some.equals(await printed('--format', format, '--datetime', '2018/..', '-n', '7')), 'seven items')
    const none = await exported({ datetime: '1960' }, format)
    assert.ok(none.equals(await printed('--format', format, '--datetime', '1960')), 'no item')
  })
}

test('the asset of addresses and of a column of CSV can be named', async () => {
  for (const format of ['url', 'csv']) {
    const bytes = await exported({}, format, { asset: 'overview' })
    assert.ok(bytes.equals(await printed('--format', format, '--asset', 'overview')), format)
  }
})

test('an Arrow export is what toArrow gives', async () => {
  const bytes = await exported({ datetime: '2018' }, 'arrow')
  assert.ok(bytes.equals(await catalog.search({ datetime: '2018' }).toArrow()))
  assert.equal(tableFromIPC(bytes).numRows, await catalog.search({ datetime: '2018' }).matched())
})

test('a format that is not known fails and names those that are', async () => {
  await assert.rejects(exported({}, 'shapefile'), (error) => {
    assert.ok(error instanceof EarthCatalogError)
    assert.equal(error.kind, 'invalid')
    assert.match(error.message, /geoparquet/)
    return true
  })
})

test('leaving the loop ends the export', async () => {
  const fresh = await open(`${server.url}/small`, { cache: false })
  const search = fresh.search()
  for await (const _ of search.export('ndjson')) break
  const { files } = await search.explain()
  assert.ok(files.opened < files.afterBounds, `${files.opened} of ${files.afterBounds}`)
})
