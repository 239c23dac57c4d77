// Decoding and encoding a packet's core: the strict codec beside protobuf-es.
// Run: node --conditions=@mystranet/source packages/schemas/bench/strict.ts
import { randomBytes } from 'node:crypto'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { HeaderCoreSchema } from '../src/gen/weave/packet/v1/packet_pb.js'
import { decode, encode, HeaderCore } from '../src/messages.ts'

const CALLS = 20_000
const ROUNDS = 15

const bytes = encode(HeaderCore, {
  version: 1,
  suite: 1,
  kind: 1,
  network: randomBytes(32),
  sender: randomBytes(32),
  senderKey: randomBytes(32),
  targetTag: 'chat/general',
  recipients: Array.from({ length: 4 }, () => randomBytes(32)),
  createdMs: 1_790_000_000_000,
  expiresMs: 1_790_000_060_000,
  nonce: randomBytes(16),
  epoch: 1_790_000_000n,
  seq: 4_711n,
  correlationId: randomBytes(16),
  inReplyTo: randomBytes(32),
  attempt: 1,
  responseNonce: randomBytes(32),
  code: 1,
  contentCommitment: randomBytes(32),
  paddedSize: 1_024,
  tableDigest: randomBytes(32),
  retry: { maxAttempts: 3, afterOpen: true },
  session: randomBytes(32),
  priority: 1,
  prefixTag: randomBytes(16),
  supersedes: randomBytes(32),
  schema: randomBytes(32),
  compatibleVersions: [1],
})
const strictCore = decode(HeaderCore, bytes)
const message = fromBinary(HeaderCoreSchema, bytes)

const work = {
  'strict decode': () => decode(HeaderCore, bytes),
  'protobuf-es fromBinary': () => fromBinary(HeaderCoreSchema, bytes),
  'protobuf-es as a gate': () => Buffer.compare(toBinary(HeaderCoreSchema, fromBinary(HeaderCoreSchema, bytes)), bytes),
  'strict encode': () => encode(HeaderCore, strictCore),
  'protobuf-es toBinary': () => toBinary(HeaderCoreSchema, message),
}
const samples = new Map<string, number[]>(Object.keys(work).map((name) => [name, []]))
let sink = 0
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, run] of Object.entries(work)) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < CALLS; i++) sink += run() === undefined ? 1 : 0
    const microseconds = Number(process.hrtime.bigint() - start) / 1_000 / CALLS
    // The first round warms up.
    if (round > 0) samples.get(name)?.push(microseconds)
  }
}
console.log(`core of ${bytes.length} bytes, ${CALLS} calls x ${ROUNDS} rounds, median (least) in µs; sink ${sink}`)
for (const [name, values] of samples) {
  values.sort((a, b) => a - b)
  console.log(`${name.padEnd(24)} ${values[ROUNDS >> 1]?.toFixed(2)} (${values[0]?.toFixed(2)})`)
}
