// Searches made at random: the package finds what the program finds natively, in the same order.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { catalogOf } from './catalogs.mjs'
import { inChromium, native, node } from './hosts.mjs'
import { serve } from './server.mjs'

const NAMES = ['small', 'regions', 'large']
const QUERIES = 40 * Number(process.env.EARTHCATALOG_CASES ?? 1)
/** One query in so many is asked in Chromium too. */
const IN_CHROMIUM = 10
let server
let page

before(async () => {
  server = await serve({ roots: Object.fromEntries(NAMES.map((name) => [`/${name}`, catalogOf(name).folder])) })
  page = await inChromium()
})
after(async () => {
  await page.close()
  await server.close()
})

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function numbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A query that asks for the like of some of the items. */
function queryOf(random, items) {
  const pick = (list) => list[Math.floor(random() * list.length)]
  const chance = (share) => random() < share
  const few = (most, make) => Array.from({ length: Math.floor(random() * (most + 1)) }, make)
  const properties = [...new Set(few(4, () => pick(items)).flatMap(({ properties }) => Object.keys(properties))), 'nosuch']
  const valueOf = (name) => pick(items).properties[name] ?? 0

  function predicate() {
    const property = { property: pick(properties) }
    const value = valueOf(property.property)
    const other = valueOf(property.property)
    if (typeof value === 'object' || chance(0.15)) return { op: 'isNull', args: [property] }
    const calls = [
      ...['=', '<>', '<', '<=', '>', '>='].map((op) => ({ op, args: [property, value] })),
      { op: 'in', args: [property, [value, other].filter((value) => typeof value !== 'object')] },
      { op: 's_intersects', args: [{ property: 'geometry' }, pick(items).geometry] },
      { op: 't_intersects', args: [{ property: 'datetime' }, { interval: [pick(items).properties.datetime, '..'] }] },
      ...(typeof value === 'number' && typeof other === 'number' ? [{ op: 'between', args: [property, value, other] }] : []),
      ...(typeof value === 'string' ? [{ op: 'like', args: [property, `${value.slice(0, 3)}%`] }] : []),
    ]
    return pick(calls)
  }

  function filter(depth = 2) {
    if (depth === 0 || chance(0.5)) return predicate()
    if (chance(0.3)) return { op: 'not', args: [filter(depth - 1)] }
    return { op: pick(['and', 'or']), args: [filter(depth - 1), filter(depth - 1)] }
  }

  function area() {
    if (chance(0.3)) return { intersects: pick(items).geometry }
    const [x, y] = pick(items).geometry.coordinates[0][0]
    const [wide, high] = [random() * 60, random() * 30]
    const east = x + wide > 180 ? x + wide - 360 : x + wide
    return { bbox: [x, y, east, Math.min(y + high, 90)] }
  }

  const datetime = () => pick(items).properties.datetime ?? '2020'
  const order = () => `${pick(['', '+', '-'])}${pick([...properties, 'id', 'datetime'])}`
  return {
    ...(chance(0.5) && area()),
    ...(chance(0.5) && { datetime: pick([`${datetime().slice(0, 4)}`, `../${datetime()}`, `${datetime()}/..`]) }),
    ...(chance(0.3) && { temporal: 'datetime' }),
    ...(chance(0.15) && { ids: [...few(9, () => pick(items).id), 'nobody'] }),
    ...(chance(0.15) && { collections: [pick(items).collection ?? 'none'] }),
    ...(chance(0.5) && { filter: filter() }),
    ...(chance(0.4) && { sortby: [order(), order()] }),
    ...(chance(0.3) && { fields: ['id', `properties.${pick(properties)}`] }),
    ...(chance(0.4) && { maxItems: Math.floor(random() * 20) }),
  }
}

for (const [seed, name] of NAMES.entries()) {
  test(`${name}: what is found natively is found in the package`, async () => {
    const random = numbers(seed + 1)
    const items = catalogOf(name).items()
    let found = 0
    for (let number = 0; number < QUERIES; number++) {
      const query = queryOf(random, items)
      const hosts = number % IN_CHROMIUM === 0 ? [node, page] : [node]
      const { ids } = await native.search(`${server.url}/${name}`, query)
      found += ids.length
      for (const host of hosts) {
        const answer = await host.search(`${server.url}/${name}`, query)
        assert.deepEqual(answer.ids, ids, `${host.name}: ${JSON.stringify(query)}`)
      }
    }
    assert.ok(found > QUERIES, `only ${found} items found`)
  })
}
