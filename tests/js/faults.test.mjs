// What servers do to a reader, one by one, in Node, in a page and in a worker: each must work, or say what to do.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { join } from 'node:path'
import { root } from './catalogs.mjs'
import { inChromium, node } from './hosts.mjs'
import { serve } from './server.mjs'

const DATABASE = 'earthcatalog\\.db$'
const METADATA = 'metadata\\.json$'
const LIST = 'snap-[^/]*\\.avro$'
const MANIFEST = '-m\\d+\\.avro$'
const PARQUET = '\\.parquet$'
const folder = (name) => join(root, 'tests/fixtures', name)
const LAYERS = { DATABASE, METADATA, LIST, MANIFEST, PARQUET }

/** One cold search, wherever it runs. */
async function attempt({ open, EarthCatalogError }, url, query, options) {
  const started = Date.now()
  try {
    const catalog = await open(url, options)
    const search = catalog.search(query)
    const ids = []
    for await (const { id } of search) ids.push(id)
    const { requests, log } = await search.explain()
    catalog.close()
    return { ids: ids.sort(), requests, log, ms: Date.now() - started }
  } catch (error) {
    if (!(error instanceof EarthCatalogError)) return { foreign: String(error?.stack ?? error) }
    const { name, kind, message, hint, url, context } = error
    const text = JSON.stringify({ name, kind, message, hint, url, context, stack: error.stack })
    return { error: { name, kind, message, hint, url, context }, text, ms: Date.now() - started }
  }
}

const again = (fault) => ({ times: 1, ...fault })
/** Answers with these faults are right, after so many more requests than a healthy server gets. */
const right = (name, faults, more, options = {}) => ({ name, faults: [faults].flat(), more, ...options })
/** Answers with these faults are an error of a kind. */
const wrong = (name, faults, kind, says, options = {}) => ({ name, faults: [faults].flat(), kind, says, ...options })

const CASES = [
  right('a healthy server', [], 0),
  right('ranges are ignored', { kind: 'ignore-range' }, eachOnce),
  right('a range with the status of a whole object', { path: PARQUET, range: true, kind: 'mislabelled' }, 0),
  // A browser lets no compressed answer to a range through.
  right('ranges that are compressed', { kind: 'gzip-part', range: true }, 0, { inBrowser: eachOnceWhole }),
  right('whole objects that are compressed', { kind: 'gzip-whole', range: false }, 0),
  right('whole compressed objects in place of ranges', { kind: 'gzip-whole' }, eachOnce, { inBrowser: eachOnceWhole }),
  right('slices of a compressed object, once', again({ path: PARQUET, range: true, kind: 'gzip-slice' }), 1),
  right('slices of compressed objects, always', { path: PARQUET, range: true, kind: 'gzip-slice' }, eachOnceWhole),
  ...Object.entries(LAYERS).flatMap(([layer, path]) => [
    right(`${layer}: a body that breaks off, once`, again({ path, kind: 'cut' }), 1),
    // Where nothing tells the size, the opening begins anew.
    right(`${layer}: a body that is too short, once`, again({ path, kind: 'short' }), { PARQUET: 1, METADATA: 2 }[layer]),
    right(`${layer}: other bytes, once`, again({ path, kind: 'wrong' }), 1),
    right(`${layer}: a page of HTML, once`, again({ path, kind: 'html' }), 1),
    right(`${layer}: a broken connection, once`, again({ path, kind: 'reset' }), 1),
    right(`${layer}: a server that is busy, twice`, { path, kind: 'status', status: 503, times: 2 }, 2),
    wrong(`${layer}: not there`, { path, kind: 'status', status: 404 }, layer === 'METADATA' ? 'corrupt' : 'not_found', /no such object/, {
      once: path,
    }),
    wrong(`${layer}: denied`, { path, kind: 'status', status: 403 }, 'denied', /denies/, { once: path, hint: /sign/ }),
    wrong(`${layer}: a page of HTML, always`, { path, kind: 'html' }, 'corrupt', /./, { about: path }),
    wrong(`${layer}: other bytes, always`, { path, kind: 'wrong' }, 'corrupt', /./, { about: path }),
  ]),
  // Other bytes in the middle of a file are seen when they are decoded: the search begins anew.
  right('other bytes for every range', { path: PARQUET, range: true, kind: 'wrong' }),
  right('416 for every range', { path: PARQUET, range: true, kind: 'status', status: 416 }, eachOnceWhole),
  wrong('416 for everything', { path: PARQUET, kind: 'status', status: 416 }, 'corrupt', /./, { about: PARQUET }),
  wrong('bodies that always break off', { path: METADATA, kind: 'cut' }, 'unavailable', /./, { about: METADATA }),
  wrong('parts that always break off', { path: PARQUET, kind: 'cut' }, 'unavailable', /./, { about: PARQUET }),
  ...[408, 425, 429, 500, 502, 504].map((status) => right(`status ${status}, once`, again({ path: DATABASE, kind: 'status', status }), 1)),
  right('a server that says when to come back', again({ path: LIST, kind: 'status', status: 429, retryAfter: 1 }), 1, {
    least: (host) => (host === node ? 1000 : 0), // CORS hides `Retry-After`.
  }),
  right('a server that says to come back in a year', again({ path: LIST, kind: 'status', status: 503, retryAfter: 31536000 }), 1, {
    most: 15_000,
  }),
  wrong('a server that stays busy', { path: DATABASE, kind: 'status', status: 503 }, 'unavailable', /fails/, {
    hint: /again/,
    asked: [DATABASE, 4],
  }),
  wrong('a server that never answers', { path: DATABASE, kind: 'silent' }, 'unavailable', /no answer within/, {
    options: { timeoutMs: 100 },
    hint: /timeoutMs/,
  }),
  right('a server that did not answer once', again({ path: MANIFEST, kind: 'silent' }), 1, { options: { timeoutMs: 100 } }),
  right('slow bodies', { kind: 'slow', chunk: 16384, pauseMs: 20 }, 0, { options: { timeoutMs: 100 } }),
]

function eachOnce(log) {
  const paths = log.map(({ path }) => path)
  assert.equal(new Set(paths).size, paths.length, 'an object came twice')
}

function eachOnceWhole(log) {
  const whole = log.filter(({ range }) => range === undefined)
  assert.ok(whole.some(({ path }) => path.endsWith('.parquet')), 'no data file was asked for whole')
  eachOnce(whole)
}

async function check(host, server, healthy, { name, faults, more, kind, says, ...rest }) {
  const cost = host === node ? more : (rest.inBrowser ?? more)
  server.state.faults = faults.map((fault) => ({ ...fault }))
  server.reset()
  const { ids, foreign, error, text, ms } = await host.run(attempt, `${server.url}/deep`, { datetime: '2022-12-25/2023-01-05' }, rest.options)
  const log = server.log
  assert.equal(foreign, undefined, name)
  for (const { method, range, headers } of log) {
    assert.equal(method, 'GET')
    assert.ok(range === undefined || /^bytes=\d+-\d+$/.test(range), range)
    assert.equal(headers['if-match'], undefined)
  }
  assert.ok(ms >= (rest.least?.(host) ?? 0), `${ms} ms are too short`)
  assert.ok(ms <= (rest.most ?? 20_000), `${ms} ms`)
  if (kind === undefined) {
    assert.equal(error, undefined)
    assert.deepEqual(ids, healthy.ids)
    if (typeof cost === 'number') assert.equal(log.length, healthy.requests + cost, log.map(({ path, range }) => `${path} ${range}`).join('\n'))
    else cost?.(log)
    return
  }
  assert.equal(error?.name, 'EarthCatalogError', ids && 'it answered')
  assert.equal(error.kind, kind, text)
  assert.match(error.message, says)
  assert.match(error.hint, rest.hint ?? /^[a-z].{20,}\.$/s)
  if (rest.about) assert.match(error.url, new RegExp(rest.about))
  if (rest.once) assert.equal(log.filter(({ path }) => new RegExp(rest.once).test(path)).length <= 2, true, 'asked for again')
  if (rest.asked) assert.equal(log.filter(({ path }) => new RegExp(rest.asked[0]).test(path)).length, rest.asked[1])
}

describe('hosts', { concurrency: 3 }, () => {
  for (const start of [() => node, () => inChromium(), () => inChromium({ page: '/pages/worker.html' })]) {
    describe('host', { concurrency: 1 }, () => {
      let server
      let host
      let healthy
      before(async () => {
        server = await serve({ roots: { '/deep': folder('deep') } })
        host = await start()
        const { ids } = await host.run(attempt, `${server.url}/deep`, { datetime: '2022-12-25/2023-01-05' })
        healthy = { ids, requests: server.log.length }
        assert.ok(ids.length > 0)
      })
      after(async () => {
        assert.deepEqual(host.complaints, [], 'something failed that nothing caught')
        await host.close?.()
        await server.close()
      })
      for (const each of CASES) test(each.name, () => check(host, server, healthy, each))
    })
  }
})
