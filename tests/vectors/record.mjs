// Writes what was measured into the vectors, beside the ids, which are not ours to say: node record.mjs
//
// tests/vectors.rs leaves its measurements in target/vectors/native.json, tests/js/vectors.test.mjs in made.json those of
// the catalogs that are made for each build, whose sizes differ a little each time.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const here = new URL('.', import.meta.url)
const read = (name) => JSON.parse(readFileSync(new URL(`../../target/vectors/${name}.json`, here)))
const measured = { ...read('native'), ...read('made') }
for (const file of readdirSync(here).filter((name) => name.endsWith('.json'))) {
  const vectors = JSON.parse(readFileSync(new URL(file, here)))
  for (const vector of vectors) {
    const result = measured[`${file.slice(0, -5)}: ${vector.catalog}: ${vector.name}`]
    // An outside catalog that is not at hand keeps what it has.
    if (result === undefined) continue
    const { files, pruned, max_requests, max_round_trips, max_bytes } = result
    const most = files === undefined ? Math.ceil(max_bytes / 10_000) * 10_000 : max_bytes
    vector.expect = { ids: vector.expect.ids, files, pruned, max_requests, max_round_trips, max_bytes: most }
  }
  writeFileSync(new URL(file, here), `[\n${vectors.map((vector) => JSON.stringify(vector)).join(',\n')}\n]\n`)
}
