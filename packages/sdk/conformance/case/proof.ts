/** The published vectors of names, keys, log, trust files, routing tables and the strict encoding. */
import { bytesOf, type Cases, each, equal, resultOf, type Sdk } from '../case.ts'
import type { Vectors } from '../make-vectors.ts'

type ChainVector = Vectors['key-chains']['chains'][number]

async function extend(sdk: Sdk, network: string, { instance, events }: Pick<ChainVector, 'instance' | 'events'>) {
  let chain: Awaited<ReturnType<Sdk['extendChain']>> | undefined
  for (const { index, body, signature, possession, digest, result, void: isVoid } of events) {
    const event = {
      body: bytesOf(body),
      signature: bytesOf(signature),
      possession: possession === undefined ? undefined : bytesOf(possession),
    }
    const place = { index: BigInt(index), instance: bytesOf(instance), network: bytesOf(network) }
    equal(sdk.keyEventDigest(event.body), digest, 'the digest')
    const got = await resultOf(sdk, async () => {
      chain = await sdk.extendChain(chain, event, place)
    })
    equal(got, result, `event at ${index}`)
    if (result === 'ok') equal(chain?.events.at(-1)?.void, isVoid, `void at ${index}`)
  }
  return chain
}

export const proofCases: Cases = {
  async 'protobuf: the one encoding, and what breaks each rule'({ sdk, data }) {
    const tables = sdk.messages as unknown as Record<string, Parameters<Sdk['messages']['decode']>[0]>
    await each(
      data.vectors.protobuf.cases,
      ({ name }) => name,
      ({ message, bytes, result }) => {
        let got = 'ok'
        try {
          const table = tables[message] as Parameters<Sdk['messages']['decode']>[0]
          equal(sdk.messages.encode(table, sdk.messages.decode(table, bytesOf(bytes))), bytes, 'what is written again')
        } catch (error) {
          if (!(error instanceof sdk.messages.SchemaError)) throw error
          got = 'refused'
        }
        equal(got, result)
      },
    )
  },
  async 'names: ids, digests, text forms, buckets, PAE'({ sdk, data }) {
    const v = data.vectors.names
    const id = bytesOf(v.instance.id)
    equal(sdk.instanceId(bytesOf(v.instance.rootKey)), v.instance.id)
    equal([sdk.formatInstanceId(id), sdk.parseInstanceId(v.instance.text)], [v.instance.text, v.instance.id])
    await each(
      v.instanceTexts,
      ({ text }) => text,
      async ({ text, result }) => equal(await resultOf(sdk, () => sdk.parseInstanceId(text)), result),
    )
    await each(
      v.seeds,
      ({ kind }) => kind,
      ({ kind, bytes, text }) =>
        equal([sdk.formatSeed({ kind, bytes: bytesOf(bytes) }), sdk.parseSeed(text).bytes], [text, bytes]),
    )
    equal(sdk.networkId(v.network.origin, bytesOf(v.network.logKey)), v.network.id)
    equal(sdk.kemKeyId(v.kemKeyId.suite, bytesOf(v.kemKeyId.key)), v.kemKeyId.id)
    equal(sdk.nextKeyHash(bytesOf(v.nextKeyHash.key)), v.nextKeyHash.hash)
    equal(sdk.packetId(bytesOf(v.packetId.header)), v.packetId.id)
    equal(sdk.recipientsHash(bytesOf(v.recipientsHash.recipients)), v.recipientsHash.hash)
    equal(sdk.ciphertextHash(bytesOf(v.ciphertextHash.ciphertext)), v.ciphertextHash.hash)
    for (const each of v.contentCommitments)
      equal(sdk.contentCommitment(bytesOf(each.salt), bytesOf(each.content)), each.commitment)
    for (const { thing, body, digest } of v.documentDigests) equal(sdk.documentDigest(thing, bytesOf(body)), digest)
    const { sender, correlationId, partition } = v.packetPartition
    equal(sdk.packetPartition(bytesOf(sender), bytesOf(correlationId)), partition)
    for (const { name, partition: wanted } of v.controlPartitions) equal(sdk.controlPartition(name), wanted)
    for (const { bytes, bucket } of v.buckets) equal(sdk.bucketOf(bytes), bucket)
    for (const { thing, body, pae } of v.pae) equal(sdk.pae(sdk.PAYLOAD_TYPES[thing], bytesOf(body)), pae)
  },
  async 'key chains: which event counts, which key is live'({ sdk, data }) {
    const { chains, network } = data.vectors['key-chains']
    await each(
      chains,
      ({ name }) => name,
      async (vector) => {
        const chain = await extend(sdk, network, vector)
        if (vector.head === undefined) return equal(chain, undefined)
        equal([chain!.head, chain!.rootHead], [vector.head, vector.rootHead])
        for (const { what, key, leafIndex, quorumTimeMs, head, result } of vector.liveKeys ?? []) {
          const place = { leafIndex: BigInt(leafIndex), quorumTimeMs }
          equal(await resultOf(sdk, () => sdk.liveKey(chain!, bytesOf(key), place)), result, what)
          equal(sdk.headAt(chain!, BigInt(leafIndex)), head === undefined ? undefined : bytesOf(head), `${what}: head`)
        }
      },
    )
  },
  async 'key chains: prekeys to seal to'({ sdk, data }) {
    const { prekeys, network } = data.vectors['key-chains']
    await each(
      prekeys,
      ({ name }) => name,
      async (vector) => {
        const chain = await extend(sdk, network, vector)
        for (const { what, expiresMs, nowMs, kemKeyIds } of vector.livePrekeys)
          equal(
            sdk.livePrekeys(chain!, expiresMs, nowMs).map(({ kemKeyId }) => kemKeyId),
            kemKeyIds,
            what,
          )
      },
    )
  },
  async 'log: leaves'({ sdk, data }) {
    const { leaves, refused } = data.vectors.log.leaf
    await each(
      leaves,
      ({ name }) => name,
      ({ name: _, bytes, leafHash, ...fields }) => {
        const { timeMs, attempt, kind, ...rest } = sdk.parseLeaf(bytesOf(bytes))
        const told = Object.fromEntries(
          Object.entries(rest).map(([name, value]) => [
            name,
            value instanceof Uint8Array ? sdk.toHex(value) : value && `${value}`,
          ]),
        )
        const order = (value: object) =>
          Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        equal(order({ timeMs, attempt, kind, ...told }), order(fields))
        equal([sdk.encodeLeaf(sdk.parseLeaf(bytesOf(bytes))), sdk.hashLeaf(bytesOf(bytes))], [bytes, leafHash])
      },
    )
    await each(
      refused,
      ({ what }) => what,
      async ({ bytes }) => equal(await resultOf(sdk, () => sdk.parseLeaf(bytesOf(bytes))), 'LEAF_MISMATCH'),
    )
  },
  async 'log: roots and proofs'({ sdk, data }) {
    const { roots, inclusion, consistency, refused } = data.vectors.log.tree
    const leaves = (size: number) => Array.from({ length: size }, (_, i) => sdk.hashLeaf(sdk.u32be(i)))
    const head = (size: number) => ({ treeSize: BigInt(size), rootHash: sdk.computeRoot(leaves(size)) })
    await each(
      roots,
      ({ size }) => `size ${size}`,
      ({ size, root }) => equal(sdk.computeRoot(leaves(size)), root),
    )
    await each(
      inclusion,
      ({ size, index }) => `${index} of ${size}`,
      ({ size, index, path }) => {
        equal(sdk.proveInclusion(leaves(size), index), path)
        sdk.checkInclusion(leaves(size)[index]!, { leafIndex: BigInt(index), path: path.map(bytesOf) }, head(size))
      },
    )
    await each(
      consistency,
      ({ older, newer }) => `${older} to ${newer}`,
      ({ older, newer, path }) => {
        equal(sdk.proveConsistency(leaves(newer), older), path)
        sdk.verifyConsistency(head(older), head(newer), path.map(bytesOf))
      },
    )
    await each(
      refused,
      ({ what }) => what,
      async ({ size, index, path }) => {
        const leaf = leaves(index + 1)[index]!
        const proof = { leafIndex: BigInt(index), path: path.map(bytesOf) }
        equal(await resultOf(sdk, () => sdk.checkInclusion(leaf, proof, head(size))), 'PROOF_INVALID')
      },
    )
  },
  async 'log: checkpoints and cosignatures'({ sdk, data }) {
    await each(
      data.vectors.log.checkpoints,
      ({ name }) => name,
      async ({ note, policy, result, ...wanted }) => {
        const trust = { policy: sdk.parsePolicy(sdk.utf8(policy)) }
        const got = await resultOf(sdk, async () => {
          const { origin, treeSize, rootHash, cosigners } = await sdk.verifyCheckpoint(sdk.utf8(note), trust)
          const who = cosigners.map(({ witness, timeSeconds }) => ({ witness, timeSeconds: `${timeSeconds}` }))
          const { origin: o, treeSize: t, rootHash: r, cosigners: c } = wanted as Required<typeof wanted>
          equal([origin, treeSize, rootHash, who], [o, t, r, c])
        })
        equal(got, result)
      },
    )
  },
  async 'log: policies'({ sdk, data }) {
    await each(
      data.vectors.log.policies,
      ({ name }) => name,
      async ({ text, result, quorums }) => {
        equal(await resultOf(sdk, () => sdk.parsePolicy(sdk.utf8(text))), result)
        for (const { witnesses, holds } of quorums ?? [])
          equal(sdk.holdsQuorum(sdk.parsePolicy(sdk.utf8(text)), witnesses), holds, `${witnesses}`)
      },
    )
  },
  async 'log: tiles'({ sdk, data }) {
    const v = data.vectors.log.tile
    equal([...sdk.tilesBetween(0n, BigInt(v.treeSize))].map(sdk.encodeTilePath), v.of)
    equal([...sdk.tilesBetween(256n, BigInt(v.treeSize))].map(sdk.encodeTilePath), v.between256And300)
    const [zero, rest, above] = v.tiles.map(({ path, bytes }) =>
      sdk.parseTile(bytesOf(bytes), sdk.parseTilePath(path)!.width),
    )
    equal(sdk.computeRoot([...zero!, ...rest!]), v.root)
    equal(sdk.computeRoot(zero!), above![0]!)
    for (const { level, index, width, path } of v.paths) {
      const id = sdk.parseTilePath(path)
      equal([`${id?.level}`, `${id?.index}`, id?.width], [level, index, width], path)
      equal(sdk.encodeTilePath(id!), path)
    }
    for (const path of v.noPaths) equal(sdk.parseTilePath(path), undefined, path)
    equal(sdk.parseBundle(bytesOf(v.bundle.bytes), v.bundle.entries.length), v.bundle.entries)
    equal(sdk.encodeBundle(v.bundle.entries.map(bytesOf)), v.bundle.bytes)
    for (const { width, bytes } of v.noBundles)
      equal(await resultOf(sdk, () => sdk.parseBundle(bytesOf(bytes), width)), 'DOCUMENT_MALFORMED', bytes)
  },
  async 'log: receipts, as messages and as files'({ sdk, data }) {
    const trust = { policy: sdk.parsePolicy(sdk.utf8(data.vectors.log.policy)) }
    await each(
      data.vectors.log.receipts,
      ({ name }) => name,
      async ({ receipt, result, ...wanted }) => {
        const got = await resultOf(sdk, async () => {
          const { quorumTimeMs, leafIndex } = await sdk.verifyReceipt(bytesOf(receipt), trust)
          const { tlogProof, ...rest } = wanted as {
            readonly tlogProof: string
            readonly quorumTimeMs: number
            readonly leafIndex: string
          }
          equal([quorumTimeMs, `${leafIndex}`], [rest.quorumTimeMs, rest.leafIndex])
          equal(sdk.fromUtf8(sdk.exportReceipt(sdk.parseReceipt(bytesOf(receipt)))), tlogProof)
          equal(sdk.encodeReceipt(sdk.importReceipt(sdk.utf8(tlogProof))), receipt)
        })
        equal(got, result)
      },
    )
  },
  async 'trust files'({ sdk, data }) {
    await each(
      data.vectors['trust-files'].files,
      ({ name }) => name,
      async ({ name: _, text, result, ...wanted }) => {
        const got = await resultOf(sdk, () => {
          const { name, network, required, operators, tableSigners, publishers, authorizers, nexusKeys } =
            sdk.parseTrustFile(sdk.utf8(text))
          const lists = { tableSigners, publishers, authorizers, nexusKeys }
          equal(
            {
              trustName: name,
              network,
              required: [...required].toSorted(),
              operators: Object.fromEntries(operators),
              ...lists,
            },
            wanted,
          )
        })
        equal(got, result)
      },
    )
  },
  async 'routing tables: documents, and the rule that decides'({ sdk, data }) {
    const { documents, queries, network, tableSigner, digest } = data.vectors.routes
    const trust = { network: bytesOf(network), tableSigners: [bytesOf(tableSigner)] }
    await each(
      documents,
      ({ name }) => name,
      async ({ document, result }) =>
        equal(await resultOf(sdk, () => sdk.readSignedTable(bytesOf(document), trust)), result),
    )
    const signed = await sdk.readSignedTable(bytesOf(documents[0]!.document), trust)
    equal(signed.digest, digest)
    await each(
      queries,
      ({ what }) => what,
      async ({ sender, priority, result, candidates, ...to }) => {
        const target = 'targetTag' in to ? { targetTag: to.targetTag } : { targetInstance: bytesOf(to.targetInstance) }
        let rule = ''
        const got = await resultOf(sdk, () => {
          const route = sdk.chooseRule(signed.table, { sender: bytesOf(sender), ...target, priority })
          rule = route.rule.id
          equal(route.candidates, candidates)
        })
        equal(got === 'ok' ? rule : got, result)
      },
    )
  },
  async 'saved answers: the verdict, check by check'({ sdk, data }) {
    const { answers, trustFiles, savedAnswersBase64 } = data.vectors['saved-answers']
    const seen = new Set<string>()
    await each(
      answers,
      ({ name }) => name,
      async (wanted) => {
        const saved = sdk.fromBase64(savedAnswersBase64[wanted.savedAnswer] as string) as Uint8Array
        const trust = sdk.parseTrustFile(sdk.utf8(trustFiles[wanted.trustFile] as string))
        const verdict = await sdk.examine(saved, trust)
        equal([verdict.status, verdict.line], [wanted.status, wanted.line])
        equal(Object.fromEntries(verdict.checks.map(({ name, result }) => [name, result])), wanted.checks)
        equal(
          verdict.checks.filter(({ required }) => required).map(({ name }) => name),
          wanted.required,
        )
        for (const { name, result, reason } of verdict.checks) {
          seen.add(`${name} ${result}`)
          const code = wanted.codes[name]
          if (result === 'fail' && code !== undefined)
            equal(reason.startsWith(`${code}: `), true, `the code of ${name}`)
        }
        equal([verdict.answer?.text, verdict.answer?.finish], [wanted.text, wanted.finish])
        equal(sdk.encodeSavedAnswer(sdk.savedAnswerFromJson(sdk.savedAnswerToJson(sdk.parseSavedAnswer(saved)))), saved)
      },
    )
    for (const name of sdk.CHECK_NAMES)
      for (const result of ['pass', 'fail'])
        equal(seen.has(`${name} ${result}`), true, `a vector in which ${name} is ${result}`)
  },
}
