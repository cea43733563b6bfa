// Prints how large the explorer's download is; fails beyond the budget, and where it speaks of another host.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const BUDGET_BYTES = 170_000
const dist = join(dirname(fileURLToPath(import.meta.url)), 'dist')
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(10)

let total = 0
for (const name of readdirSync(dist, { recursive: true }).sort()) {
  const counted = ['.js', '.css'].includes(extname(name))
  const known = counted || ['.wasm', '.html', '.json', '.svg'].includes(extname(name))
  if (!known) continue
  const bytes = readFileSync(join(dist, name))
  const gzip = gzipSync(bytes, { level: 9 }).length
  if (counted) total += gzip
  console.log(`${kb(bytes.length)}  gzip ${kb(gzip)}  ${name}`)
}
console.log(`JS and CSS: ${kb(total).trim()} gzip of ${kb(BUDGET_BYTES).trim()}`)
if (total > BUDGET_BYTES) {
  console.error('the explorer is larger than its budget')
  process.exitCode = 1
}
