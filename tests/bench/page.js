// The contestants, as pages use them. What one cannot do by itself is done by hand here, and web.mjs says so.
import * as duckdb from '@duckdb/duckdb-wasm'
import booleanIntersects from '@turf/boolean-intersects'
import { asyncBufferFromUrl, cachedAsyncBuffer, parquetMetadataAsync, parquetQuery, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { icebergManifests, icebergMetadata } from 'icebird'

const earthcatalog = {
  async run(url, { kind, query, newest }) {
    const { open } = await import('/package/browser.js')
    const catalog = await open(url)
    if (kind === 'stats') return (await catalog.stats()).map(({ gridPartition, year, rowCount }) => `${gridPartition} ${year} ${rowCount}`)
    const { features } = await catalog.search(query).itemCollection()
    if (newest === undefined) return features.map(({ id }) => id)
    const byTime = features.sort((a, b) => Date.parse(b.properties.datetime) - Date.parse(a.properties.datetime) || (a.id < b.id ? -1 : 1))
    return byTime.slice(0, newest).map(({ id }) => id)
  },
}

/** The live data files of a catalog: its pointer is read out of the SQLite file by hand, and moved places put right. */
async function entriesOf(url) {
  const database = new Uint8Array(await (await fetch(`${url}/earthcatalog.db`)).arrayBuffer())
  const text = new TextDecoder('latin1').decode(database)
  const pointers = [...text.matchAll(/(?:s3:\/\/|\/)[^\0-\x1f]*?\.metadata\.json/g)].map(([pointer]) => pointer)
  const version = (pointer) => Number(/(\d+)-[^/]*$/.exec(pointer)[1])
  const pointer = pointers.sort((a, b) => version(b) - version(a))[0]
  const stored = pointer.slice(0, pointer.indexOf('/warehouse/'))
  const place = (path) => path.replace(/^file:\/\//, '').replace(stored, url)
  const direct = window.fetch
  window.fetch = (address, init) => direct(typeof address === 'string' ? place(address.replace(/^https:\/\/([^.]+)\.s3\.amazonaws\.com/, 's3://$1')) : address, init)
  const folder = place(pointer.slice(0, pointer.lastIndexOf('/metadata/')))
  const metadataFileName = pointer.slice(pointer.lastIndexOf('/') + 1)
  const metadata = await icebergMetadata({ tableUrl: folder, metadataFileName })
  for (const snapshot of metadata.snapshots) snapshot['manifest-list'] = place(snapshot['manifest-list'])
  const manifests = await icebergManifests(metadata)
  const files = manifests.flatMap(({ entries }) => entries).filter(({ status }) => status !== 2)
  return files.map(({ data_file: file }) => ({ ...file, url: place(file.file_path) }))
}

/** Pruning by partition and by bounds of the id, as a careful user would write it. */
function pruned(files, { cells, year, query }) {
  const decode = (value) => new TextDecoder().decode(value)
  const bound = (bounds) => bounds?.find?.(({ key }) => key === 1)?.value ?? bounds?.[1]
  return files.filter(({ partition, lower_bounds, upper_bounds }) => {
    const values = Object.values(partition)
    const cell = values.find((value) => typeof value === 'string')
    const since = values.find((value) => typeof value === 'number')
    if (cells !== undefined && cell !== '__none__' && !cells.includes(cell)) return false
    if (year !== undefined && since !== undefined && since !== year - 1970) return false
    const [low, high] = [bound(lower_bounds), bound(upper_bounds)]
    const within = (id) => low === undefined || high === undefined || (decode(low) <= id && id.slice(0, decode(high).length) <= decode(high))
    return query?.ids === undefined || query.ids.some(within)
  })
}

/** The outer rings of a WKB polygon or multipolygon, as GeoJSON. */
function geometryOf(value) {
  if (value?.type !== undefined) return value
  const bytes = value instanceof Uint8Array ? value : new Uint8Array(value)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const number = () => view.getUint32((at += 4) - 4, true)
  const rings = () => Array.from({ length: number() }, () => Array.from({ length: number() }, () => [0, 0].map(() => view.getFloat64((at += 8) - 8, true))))
  const polygon = () => ((at += 1), number() % 1000 === 3 ? [rings()] : Array.from({ length: number() }, polygon).flat())
  return { type: 'MultiPolygon', coordinates: polygon() }
}

/** The ids of rows that match, each once: time and place are tested by hand. */
function answers(rows, { query, area, newest }) {
  const time = ({ datetime }) => (datetime instanceof Date ? datetime.getTime() : Number(datetime))
  const year = query.datetime && Number(query.datetime)
  const inTime = (row) => {
    if (!year) return true
    const [start, end] = [row.start_datetime ?? row.datetime, row.end_datetime ?? row.datetime].map((value) => (value instanceof Date ? value.getTime() : Number(value)))
    return start < Date.UTC(year + 1, 0, 1) && end >= Date.UTC(year, 0, 1)
  }
  const matches = rows.filter((row) => (query.ids?.includes(row.id) ?? true) && inTime(row) && (area === undefined || booleanIntersects(geometryOf(row.geometry), area)))
  const once = [...new Map(matches.map((row) => [row.id, row])).values()]
  if (newest === undefined) return once.map(({ id }) => id)
  return once.sort((a, b) => time(b) - time(a) || (a.id < b.id ? -1 : 1)).slice(0, newest).map(({ id }) => id)
}

function statsOf(files) {
  const sums = new Map()
  for (const { partition, record_count } of files) {
    const key = JSON.stringify(Object.values(partition))
    sums.set(key, (sums.get(key) ?? 0) + Number(record_count))
  }
  return [...sums]
}

const icebird = {
  async run(url, step) {
    const files = await entriesOf(url)
    if (step.kind === 'stats') return statsOf(files)
    const read = async ({ url, file_size_in_bytes: size }) => {
      const file = cachedAsyncBuffer(await asyncBufferFromUrl({ url, byteLength: Number(size) }))
      const metadata = await parquetMetadataAsync(file)
      if (step.query.ids === undefined) return parquetReadObjects({ file, metadata, compressors })
      const filter = { id: { $in: step.query.ids } }
      return parquetQuery({ file, metadata, compressors, filter, useBloomFilters: true, usePageIndex: true, useOffsetIndex: true })
    }
    const rows = await Promise.all(pruned(files, step).map(read))
    return answers(rows.flat(), step)
  },
}

const duck = {
  async run(url, step) {
    const files = await entriesOf(url)
    if (step.kind === 'stats') return statsOf(files)
    const wanted = pruned(files, step)
    const worker = new Worker('/duckdb/duckdb-browser-eh.worker.js')
    const database = new duckdb.AsyncDuckDB(new duckdb.VoidLogger(), worker)
    await database.instantiate('/duckdb/duckdb-eh.wasm')
    for (const [at, file] of wanted.entries()) await database.registerFileURL(`${at}.parquet`, file.url, duckdb.DuckDBDataProtocol.HTTP, false)
    const connection = await database.connect()
    const names = wanted.map((_, at) => `'${at}.parquet'`).join(', ')
    const where = step.query.ids === undefined ? '' : `WHERE id IN (${step.query.ids.map((id) => `'${id}'`).join(', ')})`
    const table = await connection.query(`SELECT * FROM read_parquet([${names}], union_by_name = true) ${where}`)
    return answers(table.toArray().map((row) => row.toJSON()), step)
  },
}

window.contestants = { earthcatalog, icebird, 'duckdb-wasm': duck }
