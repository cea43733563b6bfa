// Searches of catalogs that the Python program wrote, against answers computed without any catalog.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fixture } from './catalogs.mjs'
import { inChromium, node } from './hosts.mjs'
import { serve } from './server.mjs'

const truth = fixture('upstream/golden/truth-5k.json')
const skip = truth === undefined && 'outside data is not at hand'
const NAMES = ['itslive-5k-s3', 'itslive-5k-s3-v2']
let server
let page

before(async () => {
  if (skip) return
  server = await serve({ roots: Object.fromEntries(NAMES.map((name) => [`/${name}`, fixture(`upstream/${name}`)])) })
  page = await inChromium()
})
after(async () => {
  await page?.close()
  await server?.close()
})

const sha256 = (ids) => createHash('sha256').update(ids.join('\n')).digest('hex')

for (const name of NAMES) {
  test(`${name}: every query finds the items that the truth names`, { skip }, async () => {
    const queries = JSON.parse(readFileSync(truth, 'utf8')).queries
    assert.ok(queries.length >= 11)
    for (const { name: query, kwargs, ...expected } of queries) {
      for (const [temporal, count, hash] of [['datetime', 'count', 'sha256_sorted_ids_newline'], ['overlap', 'count_overlap', 'sha256_overlap']]) {
        for (const host of [node, page]) {
          const { ids } = await host.search(`${server.url}/${name}`, { ...kwargs, temporal })
          const label = `${query}, ${temporal}, ${host.name}`
          assert.equal(ids.length, expected[count], label)
          assert.equal(sha256(ids.sort()), expected[hash], label)
        }
      }
    }
  })
}
