/**
 * Vectors of trust files: what is read, and what is refused.
 *
 * @module
 */
import { toHex, utf8 } from '../../src/bytes.ts'
import { isPacketError } from '../../src/errors.ts'
import { parseTrustFile } from '../../src/proof/trust-file.ts'
import { fixed, held } from './fixed.ts'
import { log } from './log.ts'

const key = toHex(fixed('a trusted key'))

export async function trustFiles() {
  const { policy } = await log()
  const file = (...lines: readonly string[]) => `${['mystranet.org/trust@v1', ...lines].join('\n')}\n\n${policy}`
  const files: Record<string, string> = {
    'the least': file('name local'),
    'every statement': file(
      '# a comment',
      'name a network of ours',
      `table-signer ${key}`,
      `publisher ${key}`,
      `authorizer ${key}`,
      `nexus ${key}`,
      'operator one alice',
      'operator two bob',
      'require witness-independence registry-entry',
      'require authorization',
    ),
    'another first line': file('name a').replace('@v1', '@v2'),
    'a byte order mark': `\ufeff${file('name a')}`,
    'a carriage return': file('name a\r'),
    'no name': file(),
    'two names': file('name a', 'name b'),
    'an empty name': file('name '),
    'two spaces': file('name  a'),
    'an unknown statement': file('name a', 'trust everyone'),
    'a key in capitals': file('name a', `publisher ${key.toUpperCase()}`),
    'a short key': file('name a', `nexus ${key.slice(2)}`),
    'a key twice': file('name a', `authorizer ${key}`, `authorizer ${key}`),
    'an unknown check': file('name a', 'require everything'),
    'an operator of no witness': file('name a', 'operator nobody eve'),
    'a second operator': file('name a', 'operator one a', 'operator one b'),
    'no policy': 'mystranet.org/trust@v1\nname a\n',
    'a policy without a log': 'mystranet.org/trust@v1\nname a\n\nquorum none\n',
    'a policy without a quorum': file('name a').replace('quorum most\n', ''),
  }
  const rows = Object.entries(files).map(([name, text]) => {
    const want = name === 'the least' || name === 'every statement' ? 'ok' : 'TRUST_FILE_INVALID'
    try {
      const read = parseTrustFile(utf8(text))
      const row = {
        name,
        text,
        result: 'ok',
        trustName: read.name,
        network: toHex(read.network),
        required: [...read.required].toSorted(),
        operators: Object.fromEntries(read.operators),
        tableSigners: read.tableSigners.map(toHex),
        publishers: read.publishers.map(toHex),
        authorizers: read.authorizers.map(toHex),
        nexusKeys: read.nexusKeys.map(toHex),
      }
      return held(row, want)
    } catch (error) {
      if (isPacketError(error)) return held({ name, text, result: error.code }, want)
      throw error
    }
  })
  return { about: 'Trust files (protocol §14).', files: rows }
}
