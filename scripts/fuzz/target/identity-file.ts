import {
  encodeIdentity,
  lockIdentityFile,
  openIdentityFile,
  parseIdentity,
} from '../../../packages/sdk/src/keys/identity-file.ts'
import type { Seed } from '../../../packages/sdk/src/keys/name.ts'
import { judged, promise, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

const seed = (kind: Seed['kind'], byte: number): Seed => ({ kind, bytes: new Uint8Array(32).fill(byte) })
const SEEDS = [seed('root', 1), seed('operational', 2), seed('packet', 3), seed('x25519', 4), seed('x-wing', 5)]

/** An age identity that serves nothing else, and whom to lock to for it. */
const IDENTITY = 'AGE-SECRET-KEY-1R3L2FX6WHCGVHCTRGQ8Y67YHMJCXQRS0WQXASPSU6TDG6ENGX5CQFT7EQR'
const RECIPIENT = 'age105c8c4l2jeckwcpaqvuup4cd44xjc6yndj57j6xyd4s4yj6wlsyq64jx0p'

const armored = (file: Uint8Array): Uint8Array => {
  const lines =
    Buffer.from(file)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return utf8(['-----BEGIN AGE ENCRYPTED FILE-----', ...lines, '-----END AGE ENCRYPTED FILE-----', ''].join('\n'))
}

/** Plain, and locked to an age identity. A locked one is not written twice alike, so that it is held to its seeds. */
export const target: Target = {
  name: 'identity-file',
  inputs: 40_000,
  codes: ['IDENTITY_FILE_INVALID'],
  covers: [
    'sdk/keys/identity-file.ts openIdentityFile',
    'sdk/keys/identity-file.ts parseIdentity',
    'sdk/keys/name.ts parseSeed',
  ],
  async open() {
    const locked = await lockIdentityFile(SEEDS, { recipients: [RECIPIENT] })
    const plain = utf8(encodeIdentity(SEEDS))
    const inArmor = armored(locked)
    const seeds = [
      plain,
      utf8(encodeIdentity(SEEDS.slice(2))),
      utf8(`weave-identity/v1\n# a word\n${encodeIdentity(SEEDS).split('\n').slice(1).join('\n')}`),
    ]
    return {
      manner: 'text',
      seeds: [...seeds, locked, inArmor],
      run: (input) =>
        judged(async () => {
          const isLocked = input[0] === 0x61 || input[0] === 0x2d
          const found = await openIdentityFile(input, isLocked ? { identities: [IDENTITY] } : undefined)
          const text = encodeIdentity(found)
          if (isLocked) {
            promise(text === encodeIdentity(SEEDS), 'a locked file was opened that nobody locked')
            return
          }
          const given = new TextDecoder().decode(input)
          const bare = given
            .split('\n')
            .filter((line) => !line.startsWith('#'))
            .join('\n')
          promise(bare === text, 'it has a second form')
          promise(encodeIdentity(parseIdentity(given)) === text, 'two readers differ')
        }),
    }
  },
}
