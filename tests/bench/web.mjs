// What searches cost in a browser: this package beside others, on the same catalogs, each time in a fresh Chromium.
//
// Requests, bytes and round trips are counted in a run of their own: requests are held until no more come, and then all
// let go at once; each time is a round trip. Time and memory are medians of BENCH_RUNS (3) runs without that; memory is
// the peak of the page's process, less that of an empty page.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { catalogOf, dist, fixture, open, root } from '../js/catalogs.mjs'
import { chromiumPage } from '../js/hosts.mjs'
import { serve } from '../js/server.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const out = join(root, 'target/bench')
const runs = Number(process.env.BENCH_RUNS ?? 3)
const MOST_ROUND_TRIPS = 6

const polygon = (points) => ({ type: 'Polygon', coordinates: [[...points, points[0]]] })
const box = ([west, south, east, north]) => polygon([[west, south], [east, south], [east, north], [west, north]])
const GREENLAND = polygon([[-56, 66], [-44, 60], [-22, 70], [-18, 80], [-40, 84], [-60, 78]])

/** The steps, with what the others are given by hand: the cells of the area, and the year. */
async function stepsOn(url, { point, bbox, year, area, ids }) {
  const catalog = await open(url)
  const given = (name, query, area, more = {}) => ({ name, query, area, cells: area && catalog.cellsForGeometry(area), ...more })
  return [
    given('point', { intersects: point }, point),
    given('small box', { bbox }, box(bbox)),
    given('box, one year', { bbox, datetime: String(year), temporal: 'datetime' }, box(bbox), { year }),
    given('three ids', { ids }),
    given('newest 10 in a polygon', { intersects: area }, area, { newest: 10 }),
    { name: 'totals of the catalog', kind: 'stats', query: {} },
  ]
}

const catalogs = []
const outside = fixture('upstream/itslive-5k-s3')
if (outside !== undefined) {
  const items = async (url) => (await (await open(url)).search({ maxItems: 3000 }).itemCollection()).features
  const ids = async (url) => (await items(url)).filter((_, at) => at % 1000 === 0).map(({ id }) => id)
  catalogs.push({ name: 'itslive-5k (1,459 files of the Python program)', folder: outside, point: { type: 'Point', coordinates: [-45, 70] }, bbox: [-50, 68, -45, 70], year: 2018, area: GREENLAND, ids })
}
const large = catalogOf('large')
const first = large.items()[0].geometry.coordinates[0][0]
const around = [first[0] - 2, first[1] - 2, first[0] + 2, first[1] + 2]
catalogs.push({
  name: 'sentinel-2 sample (28 files, 12,000 items)',
  folder: large.folder,
  point: { type: 'Point', coordinates: [first[0] + 0.3, first[1] - 0.3] },
  bbox: around,
  year: 2021,
  area: box([first[0] - 10, first[1] - 10, first[0] + 10, first[1] + 10]),
  ids: async () => large.items().filter((_, at) => at % 4000 === 7).map(({ id }) => id),
})

mkdirSync(out, { recursive: true })
await build({ entryPoints: [join(here, 'page.js')], outfile: join(out, 'page.js'), bundle: true, format: 'esm', logLevel: 'error', external: ['/package/*'] })
writeFileSync(join(out, 'index.html'), '<!doctype html><title>bench</title><script type="module" src="page.js"></script>')

/** The peak memory of the largest page process of this Chromium, in MB. */
function peakOf(profile) {
  let most = 0
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (!command.includes('--type=renderer') || !command.includes(profile)) continue
      most = Math.max(most, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000)
    } catch {
      // It ended meanwhile.
    }
  }
  return most
}

/**
 * How long no request must come until those that came are let go, in ms. What was read last may have to be decoded
 * before more is asked for; duckdb-wasm reads one after another.
 */
const QUIET_MS = { earthcatalog: 250, icebird: 250, 'duckdb-wasm': 10 }

/** Lets requests to the catalog go in rounds, and counts these. */
async function inRounds(page, quietMs) {
  const count = { rounds: 0 }
  let held = []
  let underWay = 0
  let timer
  const wait = () => {
    clearTimeout(timer)
    if (underWay === 0 && held.length > 0) timer = setTimeout(release, quietMs)
  }
  const release = () => {
    count.rounds += 1
    underWay = held.length
    for (const route of held.splice(0)) route.continue().catch(() => {})
  }
  const ended = (request) => {
    if (!/\/catalog/.test(request.url())) return
    underWay -= 1
    wait()
  }
  page.on('requestfinished', ended)
  page.on('requestfailed', ended)
  await page.context().route(/\/catalog/, (route) => {
    held.push(route)
    wait()
  })
  return count
}

async function measure(server, contestant, url, step, counts) {
  const { page, close, profile } = await chromiumPage()
  try {
    await page.goto(`${server.url}/bench/index.html`)
    await page.waitForFunction(() => window.contestants !== undefined)
    const count = counts && (await inRounds(page, QUIET_MS[contestant]))
    const empty = peakOf(profile)
    server.reset()
    const work = page.evaluate(async ([contestant, url, step]) => {
      const started = performance.now()
      const answer = await window.contestants[contestant].run(url, step)
      return { answer, ms: performance.now() - started }
    }, [contestant, url, step])
    const { answer, ms } = await Promise.race([work, new Promise((_, reject) => setTimeout(reject, 120_000, new Error('no answer in 120 s')).unref())])
    const log = server.log.filter(({ path }) => path.startsWith('/catalog'))
    const bytes = log.reduce((sum, entry) => sum + entry.bytes, 0)
    return { answer, ms, requests: log.length, bytes, roundTrips: count?.rounds, mb: peakOf(profile) - empty }
  } finally {
    await close()
  }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const results = []
for (const { name, folder, ids, ...parameters } of catalogs) {
  const duckdb = join(here, 'node_modules/@duckdb/duckdb-wasm/dist')
  const server = await serve({ roots: { '/catalog': folder, '/bench': out, '/package': dist, '/duckdb': duckdb }, head: true })
  const url = `${server.url}/catalog`
  const steps = await stepsOn(url, { ...parameters, ids: await ids(url) })
  const counted = new Map()
  for (const latencyMs of [0, 50]) {
    console.log(`\n${name}, ${latencyMs} ms added to each request\n`)
    console.log('step                    reader        requests  round trips        kB      ms     MB  answer')
    for (const step of steps) {
      let truth
      for (const contestant of ['earthcatalog', 'icebird', 'duckdb-wasm']) {
        const key = `${step.name} ${contestant}`
        const measured = []
        let failure
        Object.assign(server.state, { latencyMs: 0 })
        if (!counted.has(key)) {
          await measure(server, contestant, url, step, true).then((one) => counted.set(key, one), (error) => (failure = error))
        }
        for (let run = 0; run < runs && failure === undefined; run++) {
          // The latency is not for the scripts of the page.
          Object.assign(server.state, { latencyMs, quickly: /^\/(bench|package|duckdb)/ })
          await measure(server, contestant, url, step).then((one) => measured.push(one), (error) => (failure = error))
        }
        const head = `${step.name.padEnd(24)}${contestant.padEnd(14)}`
        if (failure !== undefined) {
          console.log(`${head}fails: ${String(failure.message).split('\n')[0].slice(0, 100)}`)
          results.push({ catalog: name, latencyMs, step: step.name, contestant, failure: String(failure.message) })
          continue
        }
        const { answer, requests, bytes, roundTrips } = counted.get(key)
        const [ms, mb] = [median(measured.map(({ ms }) => ms)), median(measured.map(({ mb }) => mb))]
        truth ??= step.kind === 'stats' ? answer.length : [...answer].sort().join()
        const same = (step.kind === 'stats' ? answer.length : [...answer].sort().join()) === truth
        const said = `${answer.length}${same ? '' : ' (another answer)'}`
        const numbers = [requests, roundTrips, (bytes / 1000).toFixed(0), ms.toFixed(0), mb.toFixed(0)]
        const columns = numbers.map((value, at) => String(value).padStart([8, 13, 10, 8, 7][at]))
        console.log(`${head}${columns.join('')}  ${said}`)
        results.push({ catalog: name, latencyMs, step: step.name, contestant, requests, roundTrips, bytes, ms, mb, found: answer.length, same })
        if (contestant === 'earthcatalog' && step.name === 'point' && roundTrips > MOST_ROUND_TRIPS) {
          console.error(`a cold search by point takes ${roundTrips} round trips`)
          process.exitCode = 1
        }
      }
    }
  }
  await server.close()
}
console.log(`
icebird reads tables and knows neither SQLite nor pruning: pointer, moved places, pruning by cell, year and id bounds, and
all conditions are done by hand, files read by hyparquet. duckdb-wasm has no Iceberg in the browser: it is given the files
that icebird planned. Newest ten: all matches are read and sorted.`)
writeFileSync(join(out, 'web.json'), `${JSON.stringify(results, null, 2)}\n`)
