// Catalogs to test on: some made by the command line, once for each build, and those of other programs where they are.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const made = join(root, 'target/js')
const cli = process.env.EARTHCATALOG ?? join(root, 'target/debug/earthcatalog')

const REGIONS = {
  type: 'FeatureCollection',
  features: [
    { type: 'Feature', properties: { name: 'north' }, geometry: box(-180, 0, 180, 90) },
    { type: 'Feature', properties: { name: 'south-west' }, geometry: box(-180, -90, 0, 0) },
  ],
}

const REGIONAL = ['--grid', 'geojson', '--boundaries', 'BOUNDARIES', '--id-field', 'name']

/** What is made: small files of many cells; large ones, whose footers and pages are read apart; regions. */
const RECIPES = {
  small: { items: 300, sample: [], init: ['--resolution', '1'] },
  large: { items: 12000, sample: ['--kind', 'sentinel-2'], init: REGIONAL },
  regions: { items: 200, sample: ['--seed', '3'], init: REGIONAL },
}

function box(west, south, east, north) {
  return { type: 'Polygon', coordinates: [[[west, south], [east, south], [east, north], [west, north], [west, south]]] }
}

/** The folder of a made catalog, and its items. */
export function catalogOf(name) {
  const { items, sample, init } = RECIPES[name]
  const folder = join(made, name)
  const source = join(folder, 'archive/items.ndjson.gz')
  if (!existsSync(join(folder, 'done'))) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const boundaries = join(folder, 'regions.geojson')
    writeFileSync(boundaries, JSON.stringify(REGIONS))
    const run = (...words) => execFileSync(cli, words, { stdio: ['ignore', 'ignore', 'pipe'] })
    run('sample', join(folder, 'archive'), '--items', String(items), ...sample)
    run('init', join(folder, 'catalog'), ...init.map((word) => (word === 'BOUNDARIES' ? boundaries : word)))
    run('ingest', join(folder, 'catalog'), source)
    writeFileSync(join(folder, 'done'), '')
  }
  const lines = gunzipSync(readFileSync(source)).toString().trim().split('\n')
  return { folder: join(folder, 'catalog'), items: () => lines.map((line) => JSON.parse(line)) }
}

/** Outside data, or nothing where it is not at hand. */
export function fixture(path) {
  const file = join(root, '../shared/fixtures', path)
  if (existsSync(file)) return file
  console.log(`skipped: ${path} is not at hand`)
  return undefined
}

/** The package as it is installed. */
export const dist = join(root, 'target/npm/package/dist')
export const { open, init, EarthCatalogError } = await import(join(dist, 'node.js'))

/** The items of a search. */
export async function all(search) {
  const items = []
  for await (const item of search) items.push(item)
  return items
}

// By itself, it makes them all: tests that run side by side must not.
if (process.argv[1] === fileURLToPath(import.meta.url)) Object.keys(RECIPES).forEach(catalogOf)
