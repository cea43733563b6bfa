// Prints how large the package's download is and what takes the space; fails beyond the budget.
// Usage: node size.mjs [FUNCTIONS], the number of largest functions to list.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const WASM_BROTLI_BYTES = 900_000
const SCRIPT_GZIP_BYTES = 12_000

const target = join(dirname(fileURLToPath(import.meta.url)), '../target')
const dist = join(target, 'npm/package/dist')
const wasm = readFileSync(join(dist, 'earthcatalog_bg.wasm'))
const script = readFileSync(join(dist, 'browser.js'))
const brotli = (bytes) =>
  brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  }).length
const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(12)

const wasmBrotli = brotli(wasm)
const scriptGzip = gzip(script)
console.log(`module  ${kb(wasm.length)}  gzip ${kb(gzip(wasm))}  brotli ${kb(wasmBrotli)}  of ${kb(WASM_BROTLI_BYTES)}`)
console.log(`script  ${kb(script.length)}  gzip ${kb(scriptGzip)}  of ${kb(SCRIPT_GZIP_BYTES)}`)

// What cargo left still has the names of functions.
const named = parse(readFileSync(join(target, 'wasm/wasm32-unknown-unknown/wasm/earthcatalog_wasm.wasm')))
const crates = new Map()
for (const { name, bytes } of named.functions) crates.set(crateOf(name), (crates.get(crateOf(name)) ?? 0) + bytes)
console.log(`\n${kb(named.code)}  code\n${kb(named.data)}  data\n\ncode by crate`)
for (const [crate, bytes] of [...crates].sort(([, a], [, b]) => b - a).slice(0, 24)) console.log(`${kb(bytes)}  ${crate}`)
const most = Number(process.argv[2] ?? 0)
if (most > 0) console.log('\nlargest functions')
for (const { name, bytes } of named.functions.sort((a, b) => b.bytes - a.bytes).slice(0, most)) {
  console.log(`${kb(bytes)}  ${name}`)
}

const foreign = WebAssembly.Module.imports(new WebAssembly.Module(wasm)).filter(({ module }) => module !== './earthcatalog_bg.js')
const failures = [
  [wasmBrotli > WASM_BROTLI_BYTES, 'the module is larger than its budget'],
  [scriptGzip > SCRIPT_GZIP_BYTES, 'the script is larger than its budget'],
  // An import from `env` is C code or a system call that slipped in.
  [foreign.length > 0, `the module imports what no browser has: ${JSON.stringify(foreign)}`],
]
for (const [failed, message] of failures) {
  if (!failed) continue
  console.error(message)
  process.exitCode = 1
}

/** Sizes of functions by name (WebAssembly, "Binary Format"; the name section is in its appendix). */
function parse(bytes) {
  let at = 8
  const number = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const text = () => {
    const length = number()
    at += length
    return bytes.subarray(at - length, at).toString()
  }
  const found = { functions: [], code: 0, data: 0 }
  const names = new Map()
  let imported = 0
  const bodies = []
  while (at < bytes.length) {
    const id = bytes[at++]
    const length = number()
    const end = at + length
    if (id === 2) {
      for (let count = number(); count > 0; count--) {
        text()
        text()
        // All imports of this module are functions: a kind and a type.
        at += 1
        number()
        imported += 1
      }
    } else if (id === 10) {
      found.code = length
      for (let count = number(); count > 0; count--) {
        const body = number()
        bodies.push(body)
        at += body
      }
    } else if (id === 11) {
      found.data = length
    } else if (id === 0 && text() === 'name') {
      while (at < end) {
        const kind = bytes[at++]
        const next = number() + at
        if (kind === 1) for (let count = number(); count > 0; count--) names.set(number(), text())
        at = next
      }
    }
    at = end
  }
  found.functions = bodies.map((size, index) => ({ name: names.get(index + imported) ?? '', bytes: size }))
  return found
}

/** The crate of a function by its mangled name (Rust's v0 mangling: `Cs`, a hash, `_`, a length, a name). */
function crateOf(name) {
  const found = /C(?:s[0-9A-Za-z]*_)(\d+)_?(.*)/.exec(name)
  if (found === null) return name.startsWith('_R') ? 'std' : /^(ZSTD|HUF|FSE|HIST)/.test(name) ? 'zstd (C)' : 'other C and exports'
  return found[2].slice(0, Number(found[1]))
}
