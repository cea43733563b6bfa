// What is asked over HTTP: addresses, signatures, replaced catalogs, caches.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { EarthCatalogError, all, catalogOf, open } from './catalogs.mjs'
import { serve } from './server.mjs'

let server
let url
const small = catalogOf('small')
const large = catalogOf('large')
const PARQUET = /\.parquet$/
const DATABASE = /earthcatalog\.db$/
const count = small.items().length

before(async () => {
  server = await serve({ roots: { '/small': small.folder, '/large': large.folder } })
  url = `${server.url}/small`
})
after(() => server.close())
beforeEach(() => {
  Object.assign(server.state, { faults: [], signature: undefined, latencyMs: 0 })
  server.reset()
})

const quick = { timeoutMs: 5000 }
const everything = async (options = {}) => (await all((await open(url, { ...quick, ...options })).search())).length

/** Awaits an error of this package, and gives it. */
async function failure(promise) {
  const error = await promise.then(
    () => assert.fail('nothing failed'),
    (error) => error,
  )
  assert.ok(error instanceof EarthCatalogError, `${error?.stack}`)
  assert.ok(error.hint.length > 10, error.hint)
  return error
}

test('nothing is asked for that costs a preflight or that signed addresses forbid', async () => {
  assert.equal(await everything(), count)
  const large = await open(`${server.url}/large`, quick)
  await all(large.search({ datetime: '2021-06' }))
  await large.uniqueItemCount()
  for (const { method, range, headers, status } of server.log) {
    assert.equal(method, 'GET')
    assert.ok(range === undefined || /^bytes=\d+-\d+$/.test(range), range)
    assert.equal(headers['if-match'] ?? headers['if-none-match'], undefined)
    assert.ok(status === 200 || status === 206)
  }
})

test('a server that is not there is an error', async () => {
  const error = await failure(open('http://127.0.0.1:9/none', quick))
  assert.equal(error.kind, 'unavailable')
})

test('what signs the folder goes with every request and shows nowhere', async () => {
  server.state.signature = '?sig=secret'
  const catalog = await open(`${url}?sig=secret`, quick)
  assert.equal((await all(catalog.search())).length, count)
  assert.ok(!JSON.stringify([catalog.info(), await catalog.search().explain()]).includes('secret'))
  server.state.faults = [{ path: PARQUET, kind: 'status', status: 403 }]
  const again = await open(`${url}?sig=secret`, quick)
  const error = await failure(all(again.search()))
  assert.ok(!JSON.stringify({ ...error, message: error.message, stack: error.stack }).includes('secret'))
})

test('a caller can resolve, sign and fetch by itself', async () => {
  server.state.signature = '?key=1'
  const asked = []
  const resolve = async (location) => `${location.replace('s3://bucket', server.url)}?key=1`
  const own = (address, init) => {
    asked.push(address)
    return fetch(address, init)
  }
  const catalog = await open('s3://bucket/small', { ...quick, resolve, fetch: own, headers: { 'x-own': 'yes' } })
  assert.equal((await all(catalog.search())).length, count)
  assert.equal(asked.length, server.log.length)
  assert.ok(server.log.every(({ headers }) => headers['x-own'] === 'yes'))
})

test('a place without an address names the option that gives one', async () => {
  const error = await failure(open('az://container/catalog', quick))
  assert.equal(error.kind, 'unsupported')
  assert.match(error.message, /resolve/)
})

test('a catalog that is replaced while it is read is opened again, once', async () => {
  const other = catalogOf('regions')
  const catalog = await open(url, quick)
  const before = catalog.info().tableUuid
  server.state.roots = { '/small': other.folder, '/large': large.folder }
  try {
    assert.equal((await all(catalog.search())).length, other.items().length)
    assert.notEqual(catalog.info().tableUuid, before)
    server.state.roots['/small'] = small.folder
    const gone = await open(url, { ...quick, cache: false })
    server.state.roots['/small'] = '/nowhere'
    assert.equal((await failure(all(gone.search()))).kind, 'not_found', 'what was not found first')
  } finally {
    server.state.roots = { '/small': small.folder, '/large': large.folder }
  }
})

test('a replacement that comes after the first items is told, never mixed', async () => {
  const other = catalogOf('regions')
  const catalog = await open(url, { ...quick, cache: false, concurrency: 1 })
  let found = 0
  try {
    const reading = (async () => {
      for await (const _ of catalog.search()) if (++found === 1) server.state.roots['/small'] = other.folder
    })()
    const error = await failure(reading)
    assert.equal(error.kind, 'changed')
    assert.match(error.hint, /search again/)
    assert.equal((await all(catalog.search())).length, other.items().length)
  } finally {
    server.state.roots['/small'] = small.folder
  }
})

test('immutable objects are read once a session, the database each time it is opened', async () => {
  const catalog = await open(url, quick)
  await all(catalog.search())
  server.reset()
  const again = catalog.search()
  assert.equal((await all(again)).length, count)
  assert.equal(server.log.length, 0)
  const { requests, cached } = await again.explain()
  assert.equal(requests, 0)
  assert.ok(cached > 0)
  await open(url, quick)
  assert.deepEqual(server.asked().map(({ path }) => /db$|json$/.exec(path)?.[0]), ['db', 'json'])
})

test('the cache keeps its bound', async () => {
  const catalog = await open(url, { ...quick, cache: false })
  await all(catalog.search())
  const first = server.asked(PARQUET).length
  await all(catalog.search())
  assert.ok(server.asked(PARQUET).length > first * 1.5, 'nothing but the last object may be held')
})
