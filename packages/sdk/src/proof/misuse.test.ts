// What is no proof, no note and no policy, and what nobody should try to write.
import { expect, it } from 'vitest'
import { testSigner } from '../../test/note-keys.ts'
import { verifyCheckpoint } from './checkpoint.ts'
import { about } from './checks/check.ts'
import { signCosignature, verifyCosignature } from './cosignature.ts'
import { createFrontier, EMPTY_ROOT, hashNode } from './merkle.ts'
import { ED25519_TYPE, encodeNote, encodeSignatureLine, signNote } from './note.ts'
import { type Policy, parsePolicy } from './policy.ts'
import { consistencyRanges, inclusionRanges } from './prove.ts'
import { encodeTilePath, parseTilePath } from './tile.ts'
import { encodeTrustFile, type TrustFile } from './trust-file.ts'

const log = testSigner('log.test/a', 1)

it('a witness signs no time that a cosignature cannot hold', async () => {
  for (const time of [-1n, 1n << 63n]) await expect(signCosignature('text\n', log, time)).rejects.toThrow(RangeError)
})

it('a key of a log cosigns nothing', async () => {
  const witness = testSigner('witness.test/own', 2)
  const line = await signCosignature('text\n', witness, 1n)
  const verified = verifyCosignature('text\n', line, { ...witness.witnessKey, type: ED25519_TYPE })
  await expect(verified).rejects.toThrow(/the line is of another key/)
})

it('a node has two children of 32 bytes', () => {
  const [short, whole] = [new Uint8Array(31), new Uint8Array(32)]
  expect(() => hashNode(short, whole)).toThrow(RangeError)
  expect(() => hashNode(whole, short)).toThrow(RangeError)
})

it('no tree is smaller than empty', () => {
  expect(() => createFrontier(-1n, [EMPTY_ROOT])).toThrow(RangeError)
  expect(() => inclusionRanges(-1n, 5n)).toThrow(RangeError)
  expect(() => consistencyRanges(-1n, 5n)).toThrow(/wanted the older one first/)
  expect(() => consistencyRanges(6n, 5n)).toThrow(/wanted the older one first/)
})

it('a note ends its text with a newline, and its keys have names without spaces', () => {
  expect(() => encodeNote({ text: 'text', signatures: [] })).toThrow(/lacks its final newline/)
  expect(() => encodeSignatureLine({ keyName: 'a b', keyId: 1, signature: new Uint8Array(64) })).toThrow(RangeError)
})

it('a policy has a size', () => {
  expect(() => parsePolicy(new Uint8Array(1 << 20))).toThrow(/wanted at most/)
})

it('a tile has a whole width of at most 256', () => {
  for (const width of [0, 1.5, 257]) {
    expect(() => encodeTilePath({ level: 0, index: 0n, width })).toThrow(RangeError)
  }
  for (const path of ['tile/0/000.p/256', 'tile/0/000.p/999', 'tile/64/000', 'tile/0/x000/001', 'tile/0']) {
    expect(parseTilePath(path), path).toBeUndefined()
  }
})

it('a name that would begin another line of a trust file is not written', () => {
  const policy: Policy = {
    logs: [{ key: log.logKey }],
    witnesses: [{ name: 'own', key: testSigner('witness.test/own', 2).witnessKey }],
    groups: [],
    quorum: 'own',
  }
  const content = { policy, operators: new Map(), required: new Set() } as unknown as TrustFile
  const keys = { tableSigners: [], publishers: [], authorizers: [], nexusKeys: [] }
  expect(() => encodeTrustFile({ ...content, ...keys, name: 'a\n# b' })).toThrow(RangeError)
})

it('a fault of the caller is no refusal', async () => {
  await expect(about('OPEN', Promise.reject(new TypeError('a fault')))).rejects.toThrow(TypeError)
  const note = await signNote(`log.test/a\n0\n${btoa(String.fromCharCode(...EMPTY_ROOT))}\n`, log)
  const faulty = { ...log.logKey, publicKey: undefined as unknown as Uint8Array }
  const policy = { logs: [{ key: faulty }], witnesses: [], groups: [], quorum: 'none' }
  await expect(verifyCheckpoint(note, { policy })).rejects.toThrow(TypeError)
})
