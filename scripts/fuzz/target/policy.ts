import { encodeVkey, parseVkey } from '../../../packages/sdk/src/proof/note.ts'
import { encodePolicy, holdsIndependently, parsePolicy } from '../../../packages/sdk/src/proof/policy.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { utf8, vector } from '../vector.ts'

export const target: Target = {
  name: 'policy',
  inputs: 60_000,
  codes: ['TRUST_FILE_INVALID'],
  covers: ['sdk/proof/policy.ts parsePolicy', 'sdk/proof/note.ts parseVkey'],
  async open() {
    return {
      manner: 'text',
      seeds: vector('log').policies.map(({ text }) => utf8(text)),
      run: (input) =>
        judgedNow(() => {
          const policy = parsePolicy(input)
          const written = encodePolicy(policy)
          promise(same(encodePolicy(parsePolicy(written)), written), 'what it says does not survive')
          for (const { key } of [...policy.logs, ...policy.witnesses]) {
            promise(parseVkey(encodeVkey(key)).keyId === key.keyId, 'a key does not survive')
          }
          holdsIndependently(
            policy,
            policy.witnesses.map(({ name }) => name),
            new Map(),
          )
        }),
    }
  },
}
