// The vectors: the same answers and the same requests, natively, in Node, in a page and in a worker of Chromium.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { catalogOf, fixture, root } from './catalogs.mjs'
import { inChromium, native, node } from './hosts.mjs'
import { serve } from './server.mjs'

/** Lists of more than so many texts stand in vectors as their count and hash. */
const LISTED = 40
const folder = join(root, 'tests/vectors')
const vectors = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).map((vector) => ({ ...vector, file: name.slice(0, -5) })))

function place(catalog) {
  const [kind, name] = catalog.split('/')
  if (kind === 'upstream') return fixture(catalog)
  return kind === 'made' ? catalogOf(name).folder : join(root, 'tests/fixtures', catalog)
}

const names = [...new Set(vectors.map(({ catalog }) => catalog))]
const roots = Object.fromEntries(names.map((name) => [`/${name}/`, place(name)]).filter(([, folder]) => folder !== undefined))
const measured = {}
let server
let hosts

before(async () => {
  server = await serve({ roots })
  hosts = [native, node, await inChromium(), await inChromium({ page: '/pages/worker.html' })]
})
after(async () => {
  // For tests/vectors/record.mjs.
  mkdirSync(join(root, 'target/vectors'), { recursive: true })
  writeFileSync(join(root, 'target/vectors/made.json'), JSON.stringify(measured))
  await Promise.all(hosts.map((host) => host.close?.()))
  await server.close()
})

const isAscending = (texts) => texts.every((text, at) => at === 0 || Buffer.compare(Buffer.from(texts[at - 1]), Buffer.from(text)) < 0)

/** The texts in order of their bytes, or how many they are and their hash. */
function digest(texts) {
  const sorted = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  assert.ok(isAscending(sorted), 'something came twice')
  return digestInOrder(sorted)
}

/** The texts as they come, or how many they are and their hash. */
function digestInOrder(texts) {
  if (texts.length <= LISTED) return texts
  return { count: texts.length, sha256: createHash('sha256').update(texts.join('\n')).digest('hex') }
}

/** What the server was asked, and what a reader says that it asked, in the same words. */
const served = () => server.log.map(({ method, path, query, range }) => `${method} ${path}${query} ${range ?? 'whole'}`)
const told = (log) =>
  log.map(({ url, start, end }) => {
    const path = decodeURIComponent(new URL(url).pathname)
    return `GET ${path} ${end === null ? 'whole' : `bytes=${start}-${end - 1}`}`
  })

const given = (log) => log.reduce((sum, { bytes }) => sum + bytes, 0)

/** One cold search, and all that the server was asked for it. */
async function searched(host, { catalog, query }, options) {
  await server.quiet()
  server.reset()
  const answer = await host.search(`${server.url}/${catalog}`, query, options)
  const asked = served()
  // An early end takes back what was sent and not yet taken.
  if (options === undefined && query.maxItems !== undefined) return { ...answer, asked }
  const opening = asked.slice(0, asked.length - answer.log.length)
  // Sent at the same time, requests may be taken in another order.
  const inOrder = (list) => (options === undefined ? [...list].sort() : list)
  assert.deepEqual(inOrder(asked.slice(opening.length)), inOrder(told(answer.log)), `${host.name} tells what it asked`)
  assert.equal(answer.requests, answer.log.length, `${host.name} counts what it asked`)
  const bytes = given(server.log.slice(opening.length))
  assert.equal(answer.bytes, bytes, `${host.name} counts what it was given`)
  return { ...answer, asked, opening: { ...answer.opening, requests: opening.length, bytes: given(server.log) - bytes } }
}

for (const vector of vectors) {
  const { file, name, catalog, query, expect } = vector
  test(`${file}: ${catalog}: ${name}`, { skip: roots[`/${catalog}/`] === undefined && 'its catalog is not at hand' }, async () => {
    // One read at a time: the order is the machine's alone, and must be the same everywhere.
    const answers = []
    for (const host of hosts) answers.push(await searched(host, vector, { concurrency: 1 }))
    const [first, ...others] = answers
    for (const [at, other] of others.entries()) {
      const label = `${hosts[at + 1].name} as natively`
      assert.deepEqual(other.ids, first.ids, label)
      assert.deepEqual(other.asked, first.asked, label)
      assert.deepEqual(other.log, first.log, label)
      assert.deepEqual(other.plan.rowGroups, first.plan.rowGroups, label)
      for (const counted of ['bytes', 'requests', 'roundTrips']) assert.equal(other[counted], first[counted], `${counted} in ${label}`)
    }
    judge(vector, answers)
    // Many reads at a time: what is read ahead of an early end may differ, nothing else.
    for (const host of hosts) {
      const answer = await searched(host, vector)
      assert.deepEqual(answer.ids, first.ids, host.name)
      if (query.maxItems !== undefined) continue
      assert.deepEqual([...answer.asked].sort(), [...first.asked].sort(), host.name)
      assert.ok(answer.roundTrips <= first.roundTrips, `${host.name}: ${answer.roundTrips} round trips at once, ${first.roundTrips} one by one`)
    }
  })
}

/** What a vector says of the answer of all hosts. */
function judge({ file, catalog, name, query, expect }, answers) {
  for (const [at, { ids, files, plan, opening, requests, bytes, roundTrips }] of answers.entries()) {
    const label = hosts[at].name
    const { total, afterGrid, afterTime, afterBounds } = plan.files
    const pruned = { manifests: plan.manifests, files: { total, afterGrid, afterTime, afterBounds }, rowGroups: plan.rowGroups }
    const cost = {
      max_requests: opening.requests + requests,
      // Of what may be sent at once in the opening, the native driver tells.
      max_round_trips: answers[0].opening.round_trips + roundTrips,
      max_bytes: opening.bytes + bytes,
    }
    if (catalog.startsWith('made/')) measured[`${file}: ${catalog}: ${name}`] = { pruned, ...cost }
    const count = expect.ids.count ?? expect.ids.length
    if (query.sortby !== undefined) assert.deepEqual(digestInOrder(ids), expect.ids, label)
    else if (query.maxItems === undefined) assert.deepEqual(digest(ids), expect.ids, label)
    else assert.equal(ids.length, Math.min(query.maxItems, count), label)
    assert.deepEqual(pruned, expect.pruned, label)
    for (const [bound, found] of Object.entries(cost)) assert.ok(found <= expect[bound], `${label}: ${bound}: ${found} instead of ${expect[bound]}`)
    // Names of what is made anew for each build are new each time.
    if (files !== undefined && expect.files !== undefined) {
      const base = `${server.url}/${catalog}/`
      assert.deepEqual(digest(files.map((file) => file.slice(base.length))), expect.files, label)
    }
  }
}
