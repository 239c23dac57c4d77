import {
  Authorization,
  encode,
  ModelEvaluation,
  ModelStatement,
  RegistryEntry,
  RoutingTable,
  SignedDocument,
  StreamCheckpoint,
} from '../../../packages/schemas/src/messages.ts'
import { createEd25519Key } from '../../../packages/sdk/src/adapters/node/primitives.ts'
import type { Thing } from '../../../packages/sdk/src/envelope/dsse.ts'
import { documentDigest } from '../../../packages/sdk/src/envelope/hash.ts'
import { signDocument, verifyDocument } from '../../../packages/sdk/src/envelope/origin.ts'
import { read } from '../../../packages/sdk/src/envelope/parse.ts'
import { verifyModelEvaluation } from '../../../packages/sdk/src/proof/model-evaluation.ts'
import {
  verifyAuthorization,
  verifyModelStatement,
  verifyRegistryEntry,
} from '../../../packages/sdk/src/proof/model-statement.ts'
import { chooseRule, readSignedTable } from '../../../packages/sdk/src/proof/routing-table.ts'
import { verifyStreamCheckpoint } from '../../../packages/sdk/src/stream/checkpoint.ts'
import { breakWire } from '../mutate/wire.ts'
import type { Random } from '../random.ts'
import { createLedger, judged, promise, same, type Target } from '../target.ts'

const bytes = (value: number) => new Uint8Array(32).fill(value)
const [network, agent, T0] = [bytes(7), bytes(8), 1_780_000_000_000]
const entry: RegistryEntry = { network, name: 'tiny.gguf', fileDigest: bytes(1), createdMs: T0, fileBytes: 9n }
const permission: Authorization = { network, agent, fileDigest: bytes(1), createdMs: T0, expiresMs: T0 + 60_000 }
const statement: ModelStatement = {
  network,
  agent,
  name: 'tiny.gguf',
  fileDigest: bytes(1),
  engine: 'e',
  runtime: 'r',
  createdMs: T0,
  registryEntry: documentDigest('registry-entry', encode(RegistryEntry, entry)),
  authorization: documentDigest('authorization', encode(Authorization, permission)),
}
const table: RoutingTable = {
  network,
  version: 2n,
  previous: bytes(3),
  rules: [
    { id: 'no', deny: true, tag: 'no.weave', senders: [bytes(5)], candidates: [] },
    { id: 'a', tag: 'a.weave', senders: [], candidates: [{ instance: agent, weight: 2 }] },
  ],
  notBeforeMs: T0,
  expiresMs: T0 + 60_000,
  createdMs: T0,
}
const evaluation: ModelEvaluation = {
  ...{
    network,
    evaluator: agent,
    model: 'tiny.gguf',
    fileDigest: bytes(1),
    engine: 'e',
    runtime: 'r',
    sandbox: 'none',
  },
  ...{ battery: bytes(9), seed: 1, maxTokens: 48, createdMs: T0 },
  families: [{ family: 'bias', source: 'weave', prompts: 4, judged: 2, hits: 1, lowPpm: 94_531, highPpm: 905_469 }],
}
const checkpoint: StreamCheckpoint = { network, streamId: bytes(4), size: 64, root: bytes(6), createdMs: T0 }

type Made = readonly [Thing, Uint8Array]

/** A signed document, as each of the things that it might be. The first byte says as which it is read. */
export const target: Target = {
  name: 'document',
  inputs: 80_000,
  codes: ['DOCUMENT_MALFORMED', 'SIGNATURE_INVALID', 'NETWORK_MISMATCH', 'TABLE_INVALID', 'STREAM_INVALID'],
  covers: [
    'sdk/envelope/origin.ts verifyDocument',
    'sdk/proof/routing-table.ts readSignedTable',
    'sdk/proof/model-statement.ts verifyModelStatement',
    'sdk/proof/model-statement.ts verifyRegistryEntry',
    'sdk/proof/model-statement.ts verifyAuthorization',
    'sdk/stream/checkpoint.ts verifyStreamCheckpoint',
    'sdk/proof/model-evaluation.ts verifyModelEvaluation',
  ],
  async open() {
    const [own, stranger] = [await createEd25519Key(bytes(1)), await createEd25519Key(bytes(2))]
    const key = own.publicKey
    const signed = createLedger()
    const made: readonly Made[] = [
      ['routing-table', encode(RoutingTable, table)],
      ['model-statement', encode(ModelStatement, statement)],
      ['registry-entry', encode(RegistryEntry, entry)],
      ['authorization', encode(Authorization, permission)],
      ['stream-checkpoint', encode(StreamCheckpoint, checkpoint)],
      ['model-evaluation', encode(ModelEvaluation, evaluation)],
    ]
    const READERS: readonly ((document: Uint8Array) => Promise<unknown>)[] = [
      async (document) => {
        const { table: found } = await readSignedTable(document, { network, tableSigners: [key] })
        await judged(() => chooseRule(found, { targetTag: 'a.weave', sender: bytes(9) }))
      },
      (document) => verifyModelStatement(document, { network, agent, key }),
      (document) => verifyRegistryEntry(document, statement, { network, publishers: [key] }),
      (document) => verifyAuthorization(document, statement, { network, authorizers: [key] }, T0 + 1),
      (document) => verifyStreamCheckpoint(document, { network, streamId: bytes(4), key }, () => bytes(6)),
      (document) => verifyModelEvaluation(document, { network, fileDigest: bytes(1) }),
      (document) => verifyDocument('notice', document),
    ]
    const sealed = async (as: number, thing: Thing, body: Uint8Array, by = own) => {
      signed.note(body)
      const document = await signDocument(thing, body, by)
      return new Uint8Array(Buffer.concat([Uint8Array.of(as), document]))
    }
    const some = (random: Random) => {
      const as = random.below(made.length)
      return [as, ...(made[as] as Made)] as const
    }
    return {
      manner: 'bytes',
      seeds: await Promise.all(made.map(([thing, body], as) => sealed(as, thing, body))),
      twists: [
        {
          make(random) {
            const [as, thing, body] = some(random)
            const out = breakWire(body, random, [body])
            return sealed(as, thing, out.length === 0 ? body : out)
          },
        },
        { make: (random) => sealed(...some(random), stranger) },
        { make: (random) => sealed(random.below(READERS.length), random.pick(made)[0], random.pick(made)[1]) },
        { make: () => sealed(0, 'routing-table', encode(RoutingTable, { ...table, version: 1n })) },
        {
          make(random) {
            const [as, thing] = some(random)
            const foreign = random.bytes(32) as Uint8Array<ArrayBuffer>
            const bodies = [
              encode(RoutingTable, { ...table, network: foreign }),
              encode(ModelStatement, { ...statement, network: foreign }),
              encode(RegistryEntry, { ...entry, network: foreign }),
              encode(Authorization, { ...permission, network: foreign }),
              encode(StreamCheckpoint, { ...checkpoint, network: foreign }),
              encode(ModelEvaluation, { ...evaluation, network: foreign }),
            ]
            return sealed(as, thing, bodies[as] as Uint8Array)
          },
        },
      ],
      run: (input) =>
        judged(async () => {
          const document = input.subarray(1)
          await READERS[(input[0] ?? 0) % READERS.length]?.(document)
          const read_ = read(SignedDocument, document)
          promise(same(encode(SignedDocument, read_), document), 'it has a second encoding')
          signed.hold(read_.body)
        }),
    }
  },
}
