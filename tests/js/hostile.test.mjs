// Broken and hostile bytes: the right items or an error, never a hang or a dead page, and the next call works.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { EarthCatalogError, all, catalogOf, open } from './catalogs.mjs'
import { serve } from './server.mjs'

const CASES = Number(process.env.HOSTILE_CASES ?? 240)
const small = catalogOf('regions')
const count = small.items().length
let server
let url

before(async () => {
  server = await serve({ roots: { '/c': small.folder } })
  url = `${server.url}/c`
})
after(() => server.close())

/** Numbers by chance, the same for the same seed (mulberry32). */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** A fetch that damages the objects of one kind: some bytes changed, a piece cut out, or numbers made large. */
function damaging(pattern, next) {
  return async (address, init) => {
    const response = await fetch(address, init)
    if (!pattern.test(new URL(address).pathname)) return response
    const bytes = new Uint8Array(await response.arrayBuffer())
    const at = Math.floor(next() * bytes.length)
    const kind = Math.floor(next() * 4)
    if (kind === 0) bytes[at] ^= 1 << Math.floor(next() * 8)
    if (kind === 1) bytes.fill(0xff, at, at + 1 + Math.floor(next() * 8))
    if (kind === 2) bytes.fill(0, at, at + 1 + Math.floor(next() * 64))
    if (kind === 3) bytes.copyWithin(at, Math.floor(next() * bytes.length))
    return new Response(bytes, { status: response.status, headers: { 'content-length': String(bytes.length) } })
  }
}

const KINDS = { database: /\.db$/, metadata: /metadata\.json$/, manifests: /\.avro$/, parquet: /\.parquet$/, regions: /geojson$/ }

for (const [name, pattern] of Object.entries(KINDS)) {
  test(`damaged ${name}`, async () => {
    const healthy = await open(url)
    const outcomes = { items: 0 }
    for (let seed = 1; seed <= CASES / 5; seed++) {
      const next = chance(seed)
      let found
      try {
        const catalog = await open(url, { fetch: damaging(pattern, next), timeoutMs: 5000 })
        found = await all(catalog.search())
      } catch (error) {
        assert.ok(error instanceof EarthCatalogError, `seed ${seed}: ${error.stack}`)
        assert.ok(error.message.length > 0 && error.hint.length > 0)
        const outcome = error.message.includes('had to stop') ? 'stopped' : error.kind
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        continue
      }
      outcomes.items += 1
      // Parquet pages and SQLite pages carry no checksums: a changed byte in a text is a changed text.
      assert.ok(found.length <= count, `seed ${seed}: ${found.length} items`)
      if (seed % 10 === 0) assert.equal((await all(healthy.search({ maxItems: 3 }))).length, 3, `after seed ${seed}`)
    }
    console.log(`${name}: ${JSON.stringify(outcomes)}`)
    assert.equal((await all(healthy.search())).length, count)
    if (name !== 'regions') assert.ok(Object.keys(outcomes).length > 1, 'nothing was damaged')
  })
}

test('a reader that was stopped starts anew, for the same catalog too', async () => {
  const catalog = await open(url, { cache: false })
  const other = await open(url)
  // The stack of the caller is the reader's too: a call from its very end stops the reader in the middle.
  const deep = (work) => {
    try {
      return deep(work)
    } catch {
      return work()
    }
  }
  let stopped = 0
  const attempt = () => {
    try {
      catalog.cellsForGeometry({ type: 'Point', coordinates: [10, 10] })
    } catch (error) {
      if (error instanceof EarthCatalogError && error.kind === 'corrupt') stopped += 1
      throw error
    }
  }
  try {
    deep(attempt)
  } catch {
    // Whatever ends it, the next calls must work.
  }
  assert.equal((await all(catalog.search())).length, count)
  assert.equal((await all(other.search())).length, count)
  assert.equal(catalog.info().table, 'earthcatalog.stac_items')
  assert.equal(catalog.cellsForGeometry({ type: 'Point', coordinates: [10, 10] }).length, 1)
  console.log(`stopped ${stopped} times`)
})
