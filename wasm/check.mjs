// Checks the module in Node: it imports nothing that only a C library or a system could bring, and it reads a catalog.
// Usage: node check.mjs MODULE CATALOG ITEMS
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const [modulePath, catalogPath, items] = process.argv.slice(2)
const module = new WebAssembly.Module(readFileSync(modulePath))

// wasm-bindgen's own names are bound by its glue; here they stay unbound and must not be called.
const GLUE = /^__wbindgen_/
const imports = WebAssembly.Module.imports(module)
const foreign = imports.filter((one) => !GLUE.test(one.module))
assert.deepEqual(foreign, [], 'the module imports from a system it will not have in a browser')

const stubs = {}
for (const { module: from, name } of imports) {
  stubs[from] ??= {}
  stubs[from][name] = (...values) => {
    throw new Error(`${from}.${name} was called with ${values}: a panic?`)
  }
}
const { exports } = new WebAssembly.Instance(module, stubs)
// Exports carry a hash of the crate at their end.
const call = (name, ...values) => {
  const found = Object.keys(exports).find((key) => key.replace(/_[0-9a-f]{16}$/, '') === name)
  assert.ok(found, `the module exports ${name}`)
  return exports[found](...values)
}

// The calling convention under wasm-bindgen's glue: text and bytes as pointer and length, text back through a slot.
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const slot = exports.__wbindgen_malloc(16, 4)
const give = (bytes) => {
  const pointer = exports.__wbindgen_malloc(bytes.length, 1)
  new Uint8Array(exports.memory.buffer, pointer, bytes.length).set(bytes)
  return [pointer, bytes.length]
}
const take = () => {
  const [pointer, length] = new Uint32Array(exports.memory.buffer, slot, 2)
  const text = decoder.decode(new Uint8Array(exports.memory.buffer, pointer, length))
  exports.__wbindgen_free(pointer, length, 1)
  return text
}
const answer = () => {
  const value = JSON.parse(take())
  assert.equal(value.error, undefined, JSON.stringify(value.error))
  return value
}

const reading = call('reading_new', ...give(encoder.encode(catalogPath)))
const requests = []
const supply = ({ id, location, start, end }) => {
  requests.push(location)
  const whole = readFileSync(location)
  const bytes = start === null ? whole : whole.subarray(start, end)
  call('reading_supply', slot, reading, id, ...give(bytes))
  answer()
}
const run = () => {
  const values = []
  for (;;) {
    call('reading_step', slot, reading)
    const step = answer()
    if (step.needs) step.needs.forEach(supply)
    else if (step.finished) return values
    else values.push(step)
    if (step.opened) return values
  }
}

const [{ opened }] = run()
call('reading_search', slot, reading, ...give(encoder.encode('{}')))
answer()
const found = run()
assert.equal(found.length, Number(items), 'every item is found')
assert.equal(new Set(found.map(({ item }) => item.id)).size, found.length, 'each item is found once')
assert.ok(opened)

console.log(`wasm: ${imports.length} imports, none from a system; ${found.length} items in ${requests.length} requests`)
