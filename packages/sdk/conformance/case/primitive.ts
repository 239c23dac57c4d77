/** Vectors made by others: Wycheproof, speccheck, RFC 8032, RFC 9180, transparency-dev; and the torsion cases. */
import { bytesOf, type Case, type Cases, type Context, each, equal, resultOf } from '../case.ts'
import type { MerkleVector, SharedData } from '../data.ts'

/** Names what is left out in a clone without the vectors, and how to get them. */
const withShared =
  (run: (context: Context, shared: SharedData) => void | Promise<void>): Case =>
  (context) =>
    context.data.shared === undefined
      ? 'needs ../shared/vectors beside the repository: the files, and the repositories they are from, are listed in packages/sdk/conformance/README.md'
      : run(context, context.data.shared)

const rowsOf = <Group extends { readonly tests: readonly unknown[] }>(file: {
  readonly testGroups: readonly Group[]
}) => file.testGroups.flatMap((group) => group.tests as Group['tests'][number][])

async function verdictsOf(
  { sdk, verdicts }: Context,
  name: string,
  rows: readonly {
    readonly key: string
    readonly message: string
    readonly signature: string
    readonly valid: boolean
  }[],
): Promise<void> {
  const got: boolean[] = []
  for (const { key, message, signature } of rows) {
    got.push(await sdk.primitives.verifyEd25519(bytesOf(key), bytesOf(message), bytesOf(signature)))
  }
  verdicts(name, got)
  equal(got.map(Number).join(''), rows.map(({ valid }) => Number(valid)).join(''), 'the string of verdicts')
}

const base64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
const hashesOf = (row: MerkleVector) => ((row['proof'] as readonly string[] | null) ?? []).map(base64)

export const primitiveCases: Cases = {
  'Ed25519: Wycheproof, 151 verdicts': withShared(async (context, { ed25519 }) => {
    const rows = ed25519.testGroups.flatMap(({ publicKey, tests }) =>
      tests.map(({ msg, sig, result }) => ({
        key: publicKey.pk,
        message: msg,
        signature: sig,
        valid: result === 'valid',
      })),
    )
    equal(rows.length, 151, 'the number of cases')
    await verdictsOf(context, 'wycheproof', rows)
  }),
  'Ed25519: speccheck, 12 verdicts, number 3 alone valid': withShared(async (context, { speccheck }) => {
    equal(speccheck.length, 12, 'the number of cases')
    const rows = speccheck.map(({ message, pub_key, signature }, i) => ({
      key: pub_key,
      message,
      signature,
      valid: i === 3,
    }))
    await verdictsOf(context, 'speccheck', rows)
  }),
  'Ed25519: RFC 8032, 4 verdicts and signatures': withShared(async (context, { rfc8032 }) => {
    equal(rfc8032.length, 4, 'the number of cases')
    const { createEd25519Key } = context.sdk.primitives
    await each(
      rfc8032,
      ({ pub }) => pub,
      async ({ priv, pub, msg, sig }) => {
        const key = await createEd25519Key(bytesOf(priv).subarray(0, 32))
        equal(key.publicKey, bytesOf(pub))
        equal(await key.sign(bytesOf(msg)), bytesOf(sig))
      },
    )
    await verdictsOf(
      context,
      'rfc8032',
      rfc8032.map(({ pub, msg, sig }) => ({ key: pub, message: msg, signature: sig, valid: true })),
    )
  }),
  async 'Ed25519: at least 2,400 verdicts where the cofactor decides'(context) {
    const rows = context.data.torsion.map(([key, message, signature, valid]) => ({
      key,
      message,
      signature,
      valid: valid === 1,
    }))
    if (rows.length < 2_400) throw new Error(`${rows.length} cases, wanted at least 2,400`)
    if (!rows.some(({ valid }) => valid) || rows.every(({ valid }) => valid))
      throw new Error('all verdicts are the same')
    await verdictsOf(context, 'torsion', rows)
  },
  async 'Ed25519: the published verdicts'(context) {
    await verdictsOf(context, 'published', context.data.vectors.signatures.signatures)
  },
  'X25519: Wycheproof': withShared(async ({ sdk }, { x25519 }) => {
    const { agree } = await sdk.primitives.loadX25519()
    const rows = rowsOf(x25519)
    equal(rows.length, x25519.numberOfTests, 'the number of cases')
    await each(
      rows,
      ({ tcId }) => `case ${tcId}`,
      (row) => {
        // The "acceptable" ones are odd encodings and points of small order; only an all-zero secret is refused.
        equal(
          agree(bytesOf(row.private), bytesOf(row.public)),
          /^0*$/.test(row.shared) ? undefined : bytesOf(row.shared),
        )
      },
    )
  }),
  'ChaCha20-Poly1305: Wycheproof': withShared(async ({ sdk }, { chacha20Poly1305 }) => {
    const { aeadOpen, aeadSeal } = sdk.primitives
    const rows = rowsOf(chacha20Poly1305)
    equal(rows.length, chacha20Poly1305.numberOfTests, 'the number of cases')
    await each(
      rows,
      ({ tcId }) => `case ${tcId}`,
      ({ result, ct, tag, ...row }) => {
        const [key, iv, aad, msg] = [bytesOf(row.key), bytesOf(row.iv), bytesOf(row.aad), bytesOf(row.msg)]
        const sealed = bytesOf(ct + tag)
        if (iv.length !== 12)
          return equal(
            throwsRangeError(() => aeadOpen(key, iv, aad, sealed)),
            true,
          )
        equal(aeadOpen(key, iv, aad, sealed), result === 'valid' ? msg : undefined)
        if (result === 'valid') equal(aeadSeal(key, iv, aad, msg), sealed)
      },
    )
  }),
  'HKDF-SHA256: Wycheproof': withShared(async ({ sdk }, { hkdfSha256 }) => {
    const { hkdfExpand, hkdfExtract } = sdk.primitives
    const rows = rowsOf(hkdfSha256)
    equal(rows.length, hkdfSha256.numberOfTests, 'the number of cases')
    await each(
      rows,
      ({ tcId }) => `case ${tcId}`,
      ({ ikm, salt, info, size, okm, result }) => {
        const derive = () => hkdfExpand(hkdfExtract(bytesOf(salt), bytesOf(ikm)), bytesOf(info), size)
        if (result === 'valid') equal(derive(), bytesOf(okm))
        else equal(throwsRangeError(derive), true)
      },
    )
  }),
  'Merkle inclusion: 98 of transparency-dev': withShared(async ({ sdk }, { inclusion }) => {
    equal(inclusion.length, 98, 'the number of cases')
    await each(
      inclusion,
      (row) => String(row['file']),
      async (row) => {
        const head = { treeSize: BigInt(row['treeSize'] as string), rootHash: base64(row['root'] as string) }
        const proof = { leafIndex: BigInt(row['leafIdx'] as string), path: hashesOf(row) }
        const result = await resultOf(sdk, () => sdk.checkInclusion(base64(row['leafHash'] as string), proof, head))
        equal(result, row['wantErr'] === true ? 'PROOF_INVALID' : 'ok')
      },
    )
  }),
  'Merkle consistency: 98 of transparency-dev': withShared(async ({ sdk }, { consistency }) => {
    equal(consistency.length, 98, 'the number of cases')
    await each(
      consistency,
      (row) => String(row['file']),
      async (row) => {
        const head = (n: 1 | 2) => ({
          treeSize: BigInt(row[`size${n}`] as string),
          rootHash: base64(row[`root${n}`] as string),
        })
        const result = await resultOf(sdk, () => sdk.verifyConsistency(head(1), head(2), hashesOf(row)))
        equal(result, row['wantErr'] === true ? 'PROOF_INVALID' : 'ok')
      },
    )
  }),
}

function throwsRangeError(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    return error instanceof RangeError
  }
}
