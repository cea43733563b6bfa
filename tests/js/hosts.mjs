// The places where searches run: this program's own driver, Node, a page and a worker in Chromium; all answer alike.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import * as earthcatalog from './catalogs.mjs'
import { dist, root } from './catalogs.mjs'
import { serve } from './server.mjs'

/** Opens a catalog, searches it, and tells what was found and read. Runs in a page too, so it knows nothing from outside. */
async function searched({ open }, url, query, options) {
  const catalog = await open(url, options)
  const search = catalog.search(query)
  const ids = []
  for await (const { id } of search) ids.push(id)
  const { requests, bytes, roundTrips, log, ...plan } = await search.explain()
  // A search that was read to its end has read all that this needs.
  const files = query.maxItems === undefined ? await catalog.searchFiles(query) : undefined
  catalog.close()
  return { ids, files, plan, requests, bytes, roundTrips, log }
}

const run = promisify(execFile)

export const native = {
  name: 'native',
  async search(url, query, { concurrency = 16 } = {}) {
    const binary = join(root, 'target/debug/reads')
    const { stdout } = await run(binary, [url, JSON.stringify(query), String(concurrency)], { maxBuffer: 1 << 30 })
    const { plan, rowGroups, ...rest } = JSON.parse(stdout)
    const { after_grid, after_time, after_bounds, files_total, manifests_total, manifests_read } = plan
    const files = { total: files_total, afterGrid: after_grid, afterTime: after_time, afterBounds: after_bounds }
    return { ...rest, plan: { files, manifests: { total: manifests_total, read: manifests_read }, rowGroups } }
  },
}

export const node = {
  name: 'Node',
  complaints: [],
  /** Runs a function that knows nothing from outside: it is given the package and the values. */
  run: (work, ...values) => work(earthcatalog, ...values),
  search: (url, query, options) => searched(earthcatalog, url, query, options),
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A page in Chromium, with a profile of its own. */
export async function chromiumPage() {
  const executablePath = BROWSERS.find(existsSync)
  if (executablePath === undefined) throw new Error('no Chromium: install the package `chromium`')
  const profile = await mkdtemp(join(tmpdir(), 'earthcatalog-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS })
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', (error) => complaints.push(error))
  return {
    page,
    profile,
    /** Errors that nothing in the page caught. */
    complaints,
    async close() {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

/** A page in Chromium that has the package, or whose worker has it. */
export async function inChromium({ page: name = '/pages/plain.html', faults = [] } = {}) {
  const server = await serve({ roots: { '/package': dist, '/pages': join(root, 'tests/js/pages') }, faults })
  const { page, complaints, close } = await chromiumPage()
  await page.goto(server.url + name)
  await page.waitForFunction(() => window.earthcatalog !== undefined)
  const work = (work, ...values) =>
    page.evaluate(([work, values]) => window.earthcatalog.run(work, values), [work.toString(), values])
  return {
    name: name.includes('worker') ? 'a worker' : 'a page',
    page,
    server,
    complaints,
    run: work,
    search: (url, query, options) => work(searched, url, query, options),
    async close() {
      await close()
      await server.close()
    },
  }
}
