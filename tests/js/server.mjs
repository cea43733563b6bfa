// A range server for tests and benchmarks: plain files, CORS, latency, a log, and every fault that is met in the wild.
//
// By itself: node server.mjs PREFIX=FOLDER... [--latency MS] [--no-cors] [--port N]
import { open, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/**
 * Serves folders on 127.0.0.1. The returned `state` holds the options; they may be changed at any time.
 *
 * - `roots` maps path prefixes to folders.
 * - `cors` lets other sites read. `latencyMs` passes before each answer, but for paths that match `quickly`.
 * - `head` lets HEAD requests through, which other programs send.
 * - `signature` is the query string that every request must have.
 * - `caching` gives immutable objects a long life in caches and everything a validator, as object stores do.
 * - `faults` are tried in order for each request: the first whose `path` (a regular expression or its source) matches,
 *   whose `range` (boolean) says whether one was asked for, whose first `skip` matches are over and whose `times` are not
 *   used up decides the answer by its `kind`:
 *     ignore-range   the whole object with status 200
 *     mislabelled    the range with status 200
 *     gzip-part      the range, compressed
 *     gzip-slice     a range of the compressed object
 *     gzip-whole     the whole object, compressed, with status 200
 *     cut            the connection ends in the middle of the body
 *     short          fewer bytes than asked for, rightly declared
 *     wrong          other bytes, as many
 *     html           a page
 *     status         `status` and, if there is one, `retryAfter`
 *     redirect       to the same path at `to`
 *     silent         no answer
 *     reset          the connection ends before an answer
 *     slow           a body in pieces of `chunk` bytes, `pauseMs` apart
 *     swap           from here on `roots` is as the fault's
 *
 * What a reader must never send (other methods than GET, suffix ranges, `If-Match`) is refused, and seen in the log.
 */
export async function serve({ port = 0, ...options }) {
  const state = { roots: {}, cors: true, latencyMs: 0, signature: undefined, caching: false, head: false, faults: [], ...options }
  Object.assign(state, { log: [], finished: 0, active: 0, mostActive: 0 })
  const sockets = new Set()
  const server = createServer((request, response) => take(state, request, response))
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    state,
    url: `http://127.0.0.1:${server.address().port}`,
    get log() {
      return state.log
    },
    reset() {
      Object.assign(state, { log: [], finished: 0, mostActive: state.active })
    },
    /** Waits until nothing is asked for a while: an early end leaves requests under way. */
    async quiet() {
      for (let seen; seen !== state.log.length || state.active > 0; ) {
        seen = state.log.length
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    /** The requests for what matches. */
    asked: (pattern = /./) => state.log.filter(({ path, method }) => method === 'GET' && pattern.test(path)),
    /** A process that has nothing else to do may end. */
    unref() {
      server.unref()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Notes a request and answers it. */
function take(state, request, response) {
  const url = new URL(request.url, 'http://host')
  const entry = {
    method: request.method,
    path: decodeURIComponent(url.pathname),
    query: url.search,
    range: request.headers.range,
    headers: request.headers,
    status: 0,
    bytes: 0,
    // The longest chain of requests that were over before this one came.
    depth: state.finished + 1,
  }
  state.log.push(entry)
  state.active += 1
  state.mostActive = Math.max(state.mostActive, state.active)
  for (const name of ['write', 'end']) {
    const send = response[name].bind(response)
    response[name] = (body, ...rest) => {
      if (body && typeof body !== 'function') entry.bytes += body.length
      return send(body, ...rest)
    }
  }
  response.on('finish', () => {
    entry.status = response.statusCode
    state.finished = Math.max(state.finished, entry.depth)
  })
  response.on('close', () => (state.active -= 1))
  const answer = () => respond(state, entry, request, response).catch(() => response.destroy())
  if (state.latencyMs > 0 && !state.quickly?.test(entry.path)) setTimeout(answer, state.latencyMs)
  else answer()
}

/** A file below one of the roots, or nothing. */
async function find(state, path) {
  const prefixes = Object.keys(state.roots).sort((a, b) => b.length - a.length)
  const prefix = prefixes.find((prefix) => path.startsWith(prefix))
  const inside = normalize(path.slice(prefix?.length))
  if (prefix === undefined || inside.startsWith('..')) return undefined
  const name = join(state.roots[prefix], inside)
  const found = await stat(name).catch(() => undefined)
  return found?.isFile() ? { name, size: found.size, tag: `"${found.size}-${found.mtimeMs}"` } : undefined
}

async function slice({ name }, start, end) {
  const file = await open(name)
  try {
    const body = Buffer.alloc(end - start)
    await file.read(body, 0, body.length, start)
    return body
  } finally {
    await file.close()
  }
}

function faultOf(state, entry) {
  for (const fault of state.faults) {
    const applies = new RegExp(fault.path ?? '').test(entry.path)
    if (!applies || (fault.range !== undefined && fault.range !== (entry.range !== undefined))) continue
    if (fault.skip > 0) {
      fault.skip -= 1
      continue
    }
    if (fault.times === 0) continue
    if (fault.times !== undefined) fault.times -= 1
    return fault
  }
  return undefined
}

/** Answers that need no object; true if one was given. */
function refused(state, entry, request, response, fault) {
  const end = (status, headers = {}, body = '') => {
    response.writeHead(status, headers).end(body)
    return true
  }
  if (state.cors) {
    response.setHeader('access-control-allow-origin', '*')
    const headers = request.headers['access-control-request-headers'] ?? ''
    if (entry.method === 'OPTIONS') return end(204, { 'access-control-allow-headers': headers })
  }
  const isSuffix = entry.range?.startsWith('bytes=-')
  const allowed = entry.method === 'GET' || (entry.method === 'HEAD' && state.head)
  if (!allowed || isSuffix || request.headers['if-match']) return end(405)
  if (state.signature !== undefined && entry.query !== state.signature) return end(403, {}, '<Error/>')
  switch (fault?.kind) {
    case 'status':
      return end(fault.status, fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }, '<Error/>')
    case 'redirect':
      return end(302, { location: `${fault.to}${request.url}` })
    case 'html':
      return end(200, { 'content-type': 'text/html' }, '<!doctype html><title>Welcome</title><p>Please accept our cookies.')
    case 'reset':
      response.destroy()
      return true
    case 'swap':
      state.roots = fault.roots
      return false
    default:
      return fault?.kind === 'silent'
  }
}

async function respond(state, entry, request, response) {
  const fault = entry.method === 'GET' ? faultOf(state, entry) : undefined
  if (refused(state, entry, request, response, fault)) return undefined
  const object = await find(state, entry.path)
  if (object === undefined) return response.writeHead(404).end('not found')
  response.setHeader('content-type', TYPES[extname(entry.path)] ?? 'application/octet-stream')
  if (state.caching) {
    const isVolatile = entry.path.endsWith('.db')
    response.setHeader('etag', object.tag)
    response.setHeader('cache-control', isVolatile ? 'no-cache' : 'public, max-age=31536000, immutable')
    if (request.headers['if-none-match'] === object.tag) return response.writeHead(304).end()
  }
  if (entry.method === 'HEAD') return response.writeHead(200, { 'content-length': object.size, 'accept-ranges': 'bytes' }).end()
  const range = /^bytes=(\d+)-(\d+)$/.exec(entry.range ?? '')
  if (fault?.kind === 'gzip-whole') {
    response.setHeader('content-encoding', 'gzip')
    return send(response, 200, gzipSync(await slice(object, 0, object.size)))
  }
  if (range === null || fault?.kind === 'ignore-range') return send(response, 200, await slice(object, 0, object.size), fault)
  const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, object.size)]
  if (start >= object.size) return response.writeHead(416, { 'content-range': `bytes */${object.size}` }).end()
  response.setHeader('content-range', `bytes ${start}-${end - 1}/${object.size}`)
  response.setHeader('accept-ranges', 'bytes')
  const part = await slice(object, start, end)
  if (fault?.kind === 'mislabelled') return send(response, 200, part)
  if (fault?.kind === 'gzip-part' || fault?.kind === 'gzip-slice') {
    response.setHeader('content-encoding', 'gzip')
    const isPart = fault.kind === 'gzip-part'
    const compressed = isPart ? gzipSync(part) : gzipSync(await slice(object, 0, object.size)).subarray(start, end)
    return send(response, 206, compressed)
  }
  return send(response, 206, part, fault)
}

async function send(response, status, whole, fault) {
  let body = whole
  if (fault?.kind === 'short') body = body.subarray(0, Math.max(0, body.length - 7))
  if (fault?.kind === 'wrong') body = Buffer.alloc(body.length, 'not this')
  response.writeHead(status, { 'content-length': body.length })
  if (fault?.kind === 'cut') {
    response.write(body.subarray(0, body.length >> 1), () => response.destroy())
    return undefined
  }
  if (fault?.kind !== 'slow') return response.end(body)
  const chunk = fault.chunk ?? 4096
  for (let at = 0; at < body.length && !response.destroyed; at += chunk) {
    response.write(body.subarray(at, at + chunk))
    await new Promise((resolve) => setTimeout(resolve, fault.pauseMs ?? 5))
  }
  return response.end()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const words = process.argv.slice(2)
  const option = (name) => (words.includes(name) ? Number(words.splice(words.indexOf(name), 2)[1]) : undefined)
  const [latencyMs, port] = [option('--latency') ?? 0, option('--port') ?? 0]
  const cors = !words.includes('--no-cors')
  const roots = Object.fromEntries(words.filter((word) => word.includes('=')).map((word) => word.split(/=(.*)/s, 2)))
  const { url } = await serve({ roots, latencyMs, port, cors })
  console.log(url)
}
