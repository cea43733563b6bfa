// The packed package in every place it is meant for, installed and used as its users do.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { catalogOf, root } from '../catalogs.mjs'
import { chromiumPage } from '../hosts.mjs'
import { serve } from '../server.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const tools = join(here, 'node_modules')
const app = join(root, 'target/js/packaging')
const run = promisify(execFile)
const require = createRequire(import.meta.url)
const small = catalogOf('regions')
const count = small.items().length
const version = JSON.parse(readFileSync(join(root, 'wasm/package.json'), 'utf8')).version
const tarball = join(root, `target/npm/earthcatalog-${version}.tgz`)
let server
let url

/** What a user writes: opens a catalog and counts its items. */
const USES = `
const catalog = await open(address)
let found = 0
for await (const item of catalog.search({ limit: 50 })) found += item.id.length > 0 ? 1 : 0
`

before(async () => {
  rmSync(app, { recursive: true, force: true })
  mkdirSync(app, { recursive: true })
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }')
  execFileSync('npm', ['install', '--no-fund', '--no-audit', '--offline', tarball], { cwd: app, stdio: 'pipe' })
  server = await serve({ roots: { '/catalog': small.folder } })
  url = `${server.url}/catalog`
})
after(() => server?.close())

function write(name, text) {
  const file = join(app, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

/** Serves a folder to a page and waits for what it finds. */
async function foundInPage(folder, path = '/index.html') {
  const site = await serve({ roots: { '/': folder } })
  try {
    return await foundAt(`${site.url}${path}`)
  } finally {
    await site.close()
  }
}

async function foundAt(address) {
  const page = await chromiumPage()
  try {
    await page.page.goto(`${address}?catalog=${encodeURIComponent(url)}`)
    await page.page.waitForFunction(() => window.found !== undefined || window.failure !== undefined, undefined, { timeout: 60_000 })
    return await page.page.evaluate(() => window.found ?? window.failure)
  } finally {
    await page.close()
  }
}

const inPage = (entry) => `
import { open } from ${JSON.stringify(entry)}
const address = new URLSearchParams(location.search).get('catalog')
const work = async () => {
  ${USES}
  return found
}
work().then((found) => { window.found = found }, (error) => { window.failure = String(error) + ' ' + error.hint })
`

const html = (script) => `<!doctype html><meta charset="utf-8"><title>app</title>${script}`

test('Node imports it', async () => {
  const script = write('import.mjs', `import { open } from 'earthcatalog'\nconst address = process.argv[2]\n${USES}\nconsole.log(found)`)
  assert.equal((await run(process.execPath, [script, url])).stdout.trim(), String(count))
})

test('Node requires it', async () => {
  const main = `async function main() { const address = process.argv[2]\n${USES}\nconsole.log(found) }\nmain()`
  const script = write('require.cjs', `const { open } = require('earthcatalog')\n${main}`)
  assert.equal((await run(process.execPath, [script, url])).stdout.trim(), String(count))
})

test('Deno imports it', async () => {
  const script = write('deno.mjs', `import { open } from 'earthcatalog'\nconst address = Deno.args[0]\n${USES}\nconsole.log(found)`)
  const { stdout } = await run(join(tools, '.bin/deno'), ['run', '--no-remote', '--node-modules-dir=manual', '-A', script, url], { cwd: app })
  assert.equal(stdout.trim(), String(count))
})

test('Bun imports it', async () => {
  const script = write('bun.mjs', `import { open } from 'earthcatalog'\nconst address = process.argv[2]\n${USES}\nconsole.log(found)`)
  assert.equal((await run(join(tools, '.bin/bun'), [script, url], { cwd: app })).stdout.trim(), String(count))
})

test('a Cloudflare worker imports it', async () => {
  const { build } = require('esbuild')
  const source = `import { open } from 'earthcatalog'
    export default { async fetch(request) {
      const address = new URL(request.url).searchParams.get('catalog')
      ${USES}
      return new Response(String(found))
    } }`
  const outdir = join(app, 'workerd')
  // As Cloudflare's own bundler does it.
  await build({
    entryPoints: [write('workerd.mjs', source)],
    outdir,
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy' },
    assetNames: '[name]',
    logLevel: 'error',
  })
  const { Miniflare } = require('miniflare')
  const miniflare = new Miniflare({
    modules: true,
    modulesRules: [{ type: 'CompiledWasm', include: ['**/*.wasm'] }, { type: 'ESModule', include: ['**/*.js'] }],
    modulesRoot: outdir,
    scriptPath: join(outdir, 'workerd.js'),
    compatibilityDate: '2026-01-01',
  })
  try {
    const answer = await miniflare.dispatchFetch(`http://worker/?catalog=${encodeURIComponent(url)}`)
    assert.equal(await answer.text(), String(count))
  } finally {
    await miniflare.dispose()
  }
})

test('a plain page imports it', async () => {
  write('plain/app.js', inPage('/package/browser.js'))
  write('plain/index.html', html('<script type="module" src="app.js"></script>'))
  cpSync(join(app, 'node_modules/earthcatalog/dist'), join(app, 'plain/package'), { recursive: true })
  assert.equal(await foundInPage(join(app, 'plain')), count)
})

test('Vite serves it in development', async () => {
  const { createServer } = await import(join(tools, 'vite/dist/node/index.js'))
  write('src/main.js', inPage('earthcatalog'))
  write('index.html', html('<script type="module" src="/src/main.js"></script>'))
  const vite = await createServer({ root: app, configFile: false, logLevel: 'error', server: { host: '127.0.0.1', port: 0 } })
  try {
    await vite.listen()
    const { port } = vite.httpServer.address()
    assert.equal(await foundAt(`http://127.0.0.1:${port}/`), count)
  } finally {
    await vite.close()
  }
})

test('Vite builds it', async () => {
  const { build } = await import(join(tools, 'vite/dist/node/index.js'))
  write('src/main.js', inPage('earthcatalog'))
  write('index.html', html('<script type="module" src="/src/main.js"></script>'))
  const outDir = join(app, 'vite')
  await build({ root: app, configFile: false, logLevel: 'error', build: { outDir, emptyOutDir: true } })
  assert.equal(await foundInPage(outDir), count)
})

test('webpack builds it', async () => {
  const webpack = require('webpack')
  write('webpack/index.html', html('<script src="main.js" defer></script>'))
  const path = join(app, 'webpack')
  const config = { context: app, mode: 'production', entry: write('src/webpack.js', inPage('earthcatalog')), output: { path } }
  const stats = await promisify(webpack)(config)
  assert.ok(!stats.hasErrors(), stats.toString('errors-only'))
  assert.equal(await foundInPage(path), count)
})

test('esbuild builds it inline, into one classic script', async () => {
  const { build } = require('esbuild')
  write('esbuild/index.html', html('<script src="main.js" defer></script>'))
  const entry = write('src/inline.js', inPage('earthcatalog/inline'))
  await build({ entryPoints: [entry], outfile: join(app, 'esbuild/main.js'), bundle: true, format: 'iife', logLevel: 'error' })
  assert.equal(await foundInPage(join(app, 'esbuild')), count)
})

test('its types hold, and refuse what is wrong', async () => {
  cpSync(join(here, 'consumer.ts'), join(app, 'consumer.ts'))
  cpSync(join(here, 'consumer.ts'), join(app, 'consumer.cts'))
  const compilerOptions = { strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'dom', 'esnext.disposable'], types: [] }
  for (const [name, module, moduleResolution, file] of [
    ['bundler', 'esnext', 'bundler', 'consumer.ts'],
    ['nodenext', 'nodenext', 'nodenext', 'consumer.ts'],
    ['require', 'nodenext', 'nodenext', 'consumer.cts'],
  ]) {
    const config = write(`tsconfig.${name}.json`, JSON.stringify({ compilerOptions: { ...compilerOptions, module, moduleResolution }, files: [file] }))
    await run(process.execPath, [join(tools, 'typescript/bin/tsc'), '-p', config]).catch(({ stdout }) => assert.fail(`${name}: ${stdout}`))
  }
})

test('publint and attw find nothing', async () => {
  const publint = await run(process.execPath, [join(tools, '.bin/publint'), 'run', tarball, '--strict']).catch((error) => error)
  assert.match(publint.stdout, /All good/, publint.stdout + publint.stderr)
  // The inline entry is for bundlers, which read modules.
  const attw = await run(process.execPath, [join(tools, '.bin/attw'), tarball, '--exclude-entrypoints', 'wasm', '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm']).catch((error) => error)
  assert.equal(attw.code, undefined, attw.stdout + attw.stderr)
})

test('the package holds what is needed and nothing else', () => {
  const listed = execFileSync('tar', ['tzf', tarball]).toString().trim().split('\n')
  const types = ['index', 'types'].flatMap((name) => [`${name}.d.ts`, `${name}.d.cts`])
  const dist = ['browser.js', 'earthcatalog_bg.wasm', 'inline.js', 'node.cjs', 'node.js', 'workerd.js', ...types]
  const expected = ['LICENSE', 'README.md', 'package.json', ...dist.map((file) => `dist/${file}`)]
  assert.deepEqual(listed.sort(), expected.map((file) => `package/${file}`).sort())
  assert.ok(existsSync(join(app, 'node_modules/earthcatalog/dist/earthcatalog_bg.wasm')))
  assert.ok(readFileSync(join(app, 'node_modules/earthcatalog/dist/browser.js'), 'utf8').includes('new URL("earthcatalog_bg.wasm",import.meta.url)'))
})
