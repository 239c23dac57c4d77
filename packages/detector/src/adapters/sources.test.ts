import { createHash } from 'node:crypto'
import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ggufFile } from '../../test/gguf-file.ts'
import { byteSourceContract } from '../gguf/byte-source.contract.ts'
import { memorySource, scanGguf } from '../gguf/scan.ts'
import { type HttpSourceOptions, httpSource } from './http-source.ts'
import { digestFile, type OpenFile, openFile } from './node/file-source.ts'

const folder = mkdtempSync(join(tmpdir(), 'weave-sources-'))
let count = 0
const saved = (bytes: Uint8Array) => {
  const path = join(folder, `${count++}.bin`)
  writeFileSync(path, bytes)
  return path
}

interface Served {
  bytes: Uint8Array
  etag?: string
  status?: number
  range?: string
  extra?: number
  encoding?: string
}

/** A server that misbehaves as it is told. */
const served: Served = { bytes: new Uint8Array(0) }
let asked: string[] = []
const server = createServer((request, response) => {
  asked.push(request.headers.range ?? '')
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  const part = served.bytes.subarray(Number(from), Number(to) + 1 + (served.extra ?? 0))
  response.writeHead(served.status ?? 206, {
    'content-range': served.range ?? `bytes ${from}-${to}/${served.bytes.length}`,
    ...(served.etag !== undefined && { etag: served.etag }),
    ...(served.encoding !== undefined && { 'content-encoding': served.encoding }),
  })
  response.end(part)
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`
const serve = (told: Served) => {
  for (const key of Object.keys(served)) delete served[key as keyof Served]
  Object.assign(served, told)
  asked = []
}
const openServed = (told: Served, options?: HttpSourceOptions) => {
  serve(told)
  return httpSource(url, options)
}
afterAll(() => void server.close())

describe('memory', () => byteSourceContract(async (bytes) => memorySource(bytes)))
const opened: OpenFile[] = []
afterAll(() => Promise.all(opened.map((file) => file.close())))
describe('file', () =>
  byteSourceContract(async (bytes) => {
    const file = await openFile(saved(bytes))
    opened.push(file)
    return file
  }))
describe('http', () => byteSourceContract((bytes) => openServed({ bytes, etag: '"1"' })))

describe('openFile', () => {
  it('refuses what is not there, and what is no file', async () => {
    await expect(openFile(join(folder, 'none'))).rejects.toMatchObject({ name: 'DetectorError', code: 'NOT_FOUND' })
    await expect(openFile(folder)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('says that a file shrank', async () => {
    const path = saved(new Uint8Array(100))
    const source = await openFile(path)
    truncateSync(path, 50)
    await expect(source.read(0, 100)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await source.close()
  })

  it('digests a file', async () => {
    const bytes = ggufFile()
    const seen: number[] = []
    const digest = await digestFile(saved(bytes), { onBytes: (done) => seen.push(done) })
    expect(digest).toEqual(new Uint8Array(createHash('sha256').update(bytes).digest()))
    expect(seen.at(-1)).toBe(bytes.length)
  })
})

describe('httpSource', () => {
  const bytes = ggufFile()

  it('scans a file on a server as it scans the file', async () => {
    const report = await scanGguf(await openServed({ bytes, etag: '"1"' }))
    expect(report.verdict).toBe('clean')
    expect(asked.length).toBeGreaterThan(1)
    expect(asked.every((range) => /^bytes=\d+-\d+$/.test(range))).toBe(true)
  })

  it.each<[string, Served, string, RegExp]>([
    ['a server without ranges', { bytes, status: 200 }, 'MODEL_UNAVAILABLE', /whole file/],
    ['a file that is not there', { bytes, status: 404 }, 'NOT_FOUND', /404/],
    ['a server that fails', { bytes, status: 500 }, 'MODEL_UNAVAILABLE', /500/],
    ['another range', { bytes, range: 'bytes 5-5/100' }, 'MODEL_UNAVAILABLE', /gave the range/],
    ['a range without a length', { bytes, range: 'bytes 0-0/*' }, 'MODEL_UNAVAILABLE', /gave the range/],
    ['a range with more in it', { bytes, extra: 10 }, 'MODEL_UNAVAILABLE', /sends more/],
    ['a compressed range', { bytes, encoding: 'br' }, 'MODEL_UNAVAILABLE', /encoded/],
  ])('refuses %s', async (_, told, code, message) => {
    await expect(openServed(told)).rejects.toMatchObject({ name: 'DetectorError', code })
    await expect(openServed(told)).rejects.toThrow(message)
  })

  it('refuses a file that is too large', async () => {
    await expect(openServed({ bytes }, { maxBytes: 10 })).rejects.toThrow(/at most 10/)
  })

  it.each<[string, Served]>([
    ['its tag', { bytes, etag: '"2"' }],
    ['its length', { bytes: bytes.subarray(0, 500), etag: '"1"' }],
  ])('says that the file changed, by %s', async (_, now) => {
    const source = await openServed({ bytes, etag: '"1"' })
    serve(now)
    await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'STORE_FAILED' })
  })

  it('stops when it is told to, and when the server is gone', async () => {
    const stop = new AbortController()
    const source = await openServed({ bytes }, { signal: stop.signal })
    stop.abort()
    await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(httpSource('http://127.0.0.1:1/x')).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
  })
})
