import { encodePolicy, holdsQuorum, parsePolicy } from '../../../packages/sdk/src/proof/policy.ts'
import { encodeTrustFile, parseTrustFile } from '../../../packages/sdk/src/proof/trust-file.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { utf8, vector } from '../vector.ts'

export const target: Target = {
  name: 'trust-file',
  inputs: 80_000,
  codes: ['TRUST_FILE_INVALID'],
  covers: ['sdk/proof/trust-file.ts parseTrustFile'],
  async open() {
    const files = vector('trust-files').files.map(({ text }) => utf8(text))
    return {
      manner: 'text',
      seeds: [...files, ...vector('saved-answers').trustFiles.map(utf8)],
      run: (input) =>
        judgedNow(() => {
          const trust = parseTrustFile(input)
          // Comments and order are not kept: what is written must mean the same.
          const written = encodeTrustFile(trust)
          promise(same(encodeTrustFile(parseTrustFile(written)), written), 'what it says does not survive')
          promise(same(parseTrustFile(written).network, trust.network), 'its network does not survive')
          const policy = encodePolicy(trust.policy)
          promise(same(encodePolicy(parsePolicy(policy)), policy), 'its policy does not survive')
          holdsQuorum(
            trust.policy,
            trust.policy.witnesses.map(({ name }) => name),
          )
        }),
    }
  },
}
