// Makes the npm package of what wasm/build.sh left: target/npm/package and target/npm/earthcatalog-VERSION.tgz.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const out = join(here, '../target/npm')
const dist = join(out, 'package/dist')
const wasm = 'earthcatalog_bg.wasm'

rmSync(join(out, 'package'), { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
cpSync(join(out, 'wasm', wasm), join(dist, wasm))

// wasm-bindgen's glue holds one instance in the variables of its file. As a function it can be had again, with a memory
// of its own, when an instance had to stop; promises of the old one still end where they belong.
const glue = readFileSync(join(out, 'wasm/earthcatalog.js'), 'utf8')
const body = glue.replace(/^export \{[^}]*\};?$/gm, '').replace(/^export /gm, '')
const factory = `export function instantiate(module) {\n${body}\ninitSync({ module });\nreturn { openCatalog };\n}\n`

/** The files that are not there before the build. */
const made = {
  name: 'made',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^#/ }, ({ path }) => ({ path, namespace: 'made' }))
    onLoad({ filter: /^#glue$/, namespace: 'made' }, () => ({ contents: factory }))
    onLoad({ filter: /^#inline$/, namespace: 'made' }, () => {
      const compressed = gzipSync(readFileSync(join(dist, wasm)), { level: 9 })
      return { contents: `export default ${JSON.stringify(compressed.toString('base64'))}` }
    })
    // Left to the runtime, which finds it beside the script.
    onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path, external: true }))
  },
}

const common = {
  bundle: true,
  minify: true,
  keepNames: false,
  target: 'es2022',
  legalComments: 'none',
  plugins: [made],
  absWorkingDir: here,
}
for (const entry of ['browser', 'node', 'workerd', 'inline']) {
  const platform = entry === 'node' ? 'node' : 'neutral'
  const outfile = join(dist, `${entry}.js`)
  await build({ ...common, entryPoints: [`js/${entry}.ts`], outfile, format: 'esm', platform })
}
await build({
  ...common,
  entryPoints: ['js/node.ts'],
  outfile: join(dist, 'node.cjs'),
  format: 'cjs',
  platform: 'node',
  define: { 'import.meta.url': 'address' },
  banner: { js: 'const address = require("node:url").pathToFileURL(__filename).href;' },
})

// Types are written by hand, and the program is held to them. For `require` they are there once more.
execFileSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '-p', here], { stdio: 'inherit' })
for (const [from, to] of [['api.d.ts', 'index'], ['types.ts', 'types']]) {
  const text = readFileSync(join(here, 'js', from), 'utf8')
  writeFileSync(join(dist, `${to}.d.ts`), text)
  writeFileSync(join(dist, `${to}.d.cts`), text.replace(/(from "\.\/[a-z]+)\.js"/g, '$1.cjs"'))
}

const { devDependencies, ...manifest } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
const esm = (file) => ({ types: './dist/index.d.ts', default: `./dist/${file}.js` })
manifest.exports = {
  '.': {
    workerd: esm('workerd'),
    node: { import: esm('node'), require: { types: './dist/index.d.cts', default: './dist/node.cjs' } },
    default: esm('browser'),
  },
  './inline': esm('inline'),
  './wasm': `./dist/${wasm}`,
  './package.json': './package.json',
}
manifest.sideEffects = false
manifest.files = ['dist']
manifest.types = './dist/index.d.ts'
writeFileSync(join(out, 'package/package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
cpSync(join(here, 'README.md'), join(out, 'package/README.md'))
cpSync(join(here, '../LICENSE'), join(out, 'package/LICENSE'))

const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', out], { cwd: join(out, 'package') })
const tarball = packed.toString().trim().split('\n').at(-1)
const name = `earthcatalog-${manifest.version}.tgz`
if (tarball !== name) renameSync(join(out, tarball), join(out, name))
console.log(`npm: target/npm/${name}`)
