// The command line shows the explorer, and puts it beside a catalog.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { all, catalogOf, open, root } from '../../tests/js/catalogs.mjs'
import { cli, explorer, launch, overviewed, served, settled } from './page.mjs'

const small = catalogOf('small')
let serving
let url
let browser

before(async () => {
  serving = spawn(cli, ['serve', small.folder, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] })
  for await (const line of createInterface({ input: serving.stdout })) {
    url = line
    break
  }
  browser = await launch()
})
after(async () => {
  serving.kill()
  await browser.close()
})

test('`serve` shows the catalog in the explorer, at one address', async () => {
  const { page, close } = await explorer(browser, { url }, { path: '/', hash: 'run=1' })
  await overviewed(page)
  assert.equal(await settled(page), small.items().length)
  // At the root of a host it has the name of the folder it was written to.
  assert.equal(await page.title(), 'catalog')
  await close()
})

test('`serve` gives objects to readers of any site, by range, with what caches need', async () => {
  const whole = readFileSync(join(small.folder, 'earthcatalog.db'))
  const get = (path, headers = {}, method = 'GET') => fetch(`${url}${path}`, { headers, method })
  const database = await get('/earthcatalog.db')
  assert.equal(database.headers.get('access-control-allow-origin'), '*')
  assert.equal(database.headers.get('cache-control'), 'no-cache')
  assert.deepEqual(Buffer.from(await database.arrayBuffer()), whole)
  for (const [range, start, end] of [['bytes=2-9', 2, 10], ['bytes=100-', 100, whole.length], ['bytes=-7', whole.length - 7, whole.length]]) {
    const part = await get('/earthcatalog.db', { range })
    assert.equal(part.status, 206)
    assert.equal(part.headers.get('content-range'), `bytes ${start}-${end - 1}/${whole.length}`)
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(start, end))
  }
  const beyond = await get('/earthcatalog.db', { range: `bytes=${whole.length}-` })
  assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, `bytes */${whole.length}`])
  assert.equal((await get('/earthcatalog.db', { 'if-none-match': database.headers.get('etag') })).status, 304)
  const head = await get('/earthcatalog.db', {}, 'HEAD')
  assert.equal(head.headers.get('content-length'), String(whole.length))
  const { info } = await open(url).then((catalog) => ({ info: catalog.info() }))
  const metadata = info.metadataLocation.slice(url.length)
  assert.match((await get(metadata)).headers.get('cache-control'), /immutable/)
  for (const [path, status] of [['/none', 404], ['/%2e%2e/%2e%2e/etc/passwd', 404], ['/..%2f..%2fetc%2fpasswd', 400]]) {
    assert.equal((await get(path)).status, status, path)
  }
  assert.equal((await get('/earthcatalog.db', {}, 'DELETE')).status, 405)
  assert.equal((await get('/earthcatalog.db', {}, 'OPTIONS')).status, 204)
})

test('other programs search what is served', async () => {
  const query = { bbox: [-60, 60, -20, 84] }
  const ids = (await all((await open(url)).search(query))).map(({ id }) => id)
  const lines = execFileSync(cli, ['search', url, '--bbox=-60,60,-20,84'], { maxBuffer: 1 << 28 }).toString().trim().split('\n')
  assert.deepEqual(lines.map((line) => JSON.parse(line).id).sort(), ids.sort())
})

test('`publish --explorer` puts the explorer beside the catalog, where it opens by itself', async () => {
  const copy = join(root, 'target/js/published')
  rmSync(copy, { recursive: true, force: true })
  cpSync(small.folder, copy, { recursive: true })
  execFileSync(cli, ['publish', copy, '--explorer'], { stdio: 'ignore' })
  const server = await served({ published: copy })
  const { page, close } = await explorer(browser, server, { path: '/published/index.html' })
  await overviewed(page)
  assert.match(await page.textContent('dl.totals'), /Items300/)
  await close()
  await server.close()
})
