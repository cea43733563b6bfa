// What only a browser does: CORS, preflights, its own cache.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { all, catalogOf, open } from './catalogs.mjs'
import { inChromium } from './hosts.mjs'
import { serve } from './server.mjs'

const small = catalogOf('regions')
const large = catalogOf('large')
const count = small.items().length
const DATABASE = /earthcatalog\.db$/
let server
let host
let url

before(async () => {
  server = await serve({ roots: { '/small': small.folder, '/large': large.folder } })
  url = `${server.url}/small`
  host = await inChromium()
})
after(async () => {
  assert.deepEqual(host.complaints, [], 'something failed that nothing caught')
  await host.close()
  await server.close()
})
beforeEach(() => {
  Object.assign(server.state, { faults: [], cors: true, caching: false, latencyMs: 0 })
  server.reset()
})

/** Runs in the page; errors come as their members. */
const inPage = (work, ...values) =>
  host.page.evaluate(
    async ([work, values]) => {
      try {
        return { value: await new Function(`return ${work}`)()(window.earthcatalog, ...values) }
      } catch (error) {
        const { name, kind, message, hint, url, context } = error
        return { error: { name, kind, message, hint, url, context }, isOurs: error instanceof window.earthcatalog.EarthCatalogError }
      }
    },
    [work.toString(), values],
  )

const counted = async ({ open }, url, options) => (await (await open(url, options)).search().itemCollection()).numberReturned

async function failure(...values) {
  const { error, isOurs, value } = await inPage(...values)
  assert.ok(isOurs, `no error of ours: ${JSON.stringify(error ?? value)}`)
  assert.ok(error.hint.length > 10)
  return error
}

test('a page of another site reads a catalog without a preflight', async () => {
  assert.equal((await inPage(counted, url)).value, count)
  assert.deepEqual([...new Set(server.log.map(({ method }) => method))], ['GET'])
  assert.ok(server.log.every(({ range }) => range === undefined || /^bytes=\d+-\d+$/.test(range)))
})

test('every item comes back in a page as it does in Node', async () => {
  const items = (await inPage(async ({ open }, url) => (await (await open(url)).search().itemCollection()).features, url)).value
  assert.deepEqual(items, await all((await open(url)).search()))
})

test('a server without CORS is told from one that denies, and the rules are said', async () => {
  server.state.cors = false
  const error = await failure(counted, url)
  assert.equal(error.kind, 'denied')
  assert.match(error.message, /CORS/)
  assert.match(error.hint, /"AllowedOrigins":\["\*"\]/)
  server.state.cors = true
  for (const [status, kind] of [[403, 'denied'], [404, 'not_found']]) {
    server.state.faults = [{ path: DATABASE, kind: 'status', status }]
    const error = await failure(counted, url)
    assert.equal(error.kind, kind)
    assert.doesNotMatch(error.message, /CORS/)
  }
})

test('a server that is not there is not taken for one without CORS', async () => {
  const error = await failure(counted, 'http://127.0.0.1:9/none')
  assert.equal(error.kind, 'unavailable')
})

test('the database is asked for each time, what cannot change comes from the browser cache', async () => {
  const twice = async ({ open }, url) => {
    for (const _ of [1, 2]) await (await open(url)).search().matched()
  }
  server.state.caching = true
  await inPage(twice, url)
  assert.equal(server.asked(DATABASE).length, 2)
  assert.deepEqual(server.asked(DATABASE).map(({ status }) => status).sort(), [206, 304])
  const others = server.log.filter(({ path }) => !DATABASE.test(path)).map(({ path, range }) => `${path} ${range}`)
  assert.ok(others.length > 3)
  assert.equal(new Set(others).size, others.length, 'what cannot change came twice')
})

test('a signal ends the requests of a page', async () => {
  server.state.latencyMs = 100
  const aborted = async ({ open }, url) => {
    const controller = new AbortController()
    const search = (await open(url)).search({ signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 150)
    await search.itemCollection()
  }
  const { error } = await inPage(aborted, `${server.url}/large`)
  assert.equal(error.message, 'enough')
})

test('damaged objects leave the page as it was', async () => {
  const damaged = async ({ open, EarthCatalogError }, url) => {
    const kinds = []
    for (let at = 0; at < 40; at++) {
      const own = async (address, init) => {
        const response = await fetch(address, init)
        if (!/(parquet|avro)$/.test(address)) return response
        const bytes = new Uint8Array(await response.arrayBuffer())
        bytes.fill(255, Math.floor((bytes.length * at) / 40), Math.floor((bytes.length * at) / 40) + 5)
        return new Response(bytes, { status: response.status })
      }
      try {
        await (await open(url, { fetch: own })).search().itemCollection()
        kinds.push('items')
      } catch (error) {
        if (!(error instanceof EarthCatalogError)) throw error
        kinds.push(error.kind)
      }
    }
    return [kinds, (await (await open(url)).search().itemCollection()).numberReturned]
  }
  const { value, error } = await inPage(damaged, url)
  assert.equal(error, undefined)
  assert.ok(value[0].includes('corrupt'))
  assert.equal(value[1], count)
})

test('a page in place of the module says what to do', async () => {
  for (const fault of [{ kind: 'html' }, { kind: 'status', status: 404 }]) {
    const bare = await inChromium({ faults: [{ path: /\.wasm$/, ...fault }] })
    try {
      const error = await bare.page.evaluate(async (url) => {
        try {
          await window.earthcatalog.open(url)
        } catch ({ name, message, hint }) {
          return { name, message, hint }
        }
      }, url)
      assert.equal(error.name, 'EarthCatalogError')
      assert.match(error.message, fault.kind === 'html' ? /HTML page/ : /404/)
      assert.match(error.hint, /earthcatalog\/inline/)
      bare.server.state.faults = []
      assert.equal(await bare.page.evaluate(async (url) => (await window.earthcatalog.open(url)).info().formatVersion, url), 2)
    } finally {
      await bare.close()
    }
  }
})
