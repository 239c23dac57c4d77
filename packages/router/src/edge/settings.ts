/**
 * What an edge is told by its environment, on whatever runtime.
 *
 * @module
 */
import { utf8 } from '@mystranet/sdk/bytes'
import { parseTrustFile, type TrustFile } from '@mystranet/sdk/proof/trust-file'
import { ConfigError, type RouterConfig, readConfig } from '../config.ts'

export interface EdgeSettings extends RouterConfig {
  /** `WEAVE_NATS_URL`: the broker, `nats://`, `tls://`, `ws://` or `wss://`, with `user:password@` where it wants it. */
  readonly natsUrl: string
  /** `WEAVE_TRUST`: the text of the trust file, whose network this edge serves. */
  readonly trust: TrustFile
  /**
   * `WEAVE_ADDRESS_HEADER`: the header in which a proxy in front, and nobody else, says whom it forwards for; for example
   * `cf-connecting-ip`. Without it requests are counted by their peer's address.
   */
  readonly addressHeader: string | undefined
}

const SCHEMES = ['nats:', 'tls:', 'ws:', 'wss:']

/**
 * Reads the settings: those of the router (`WEAVE_PORT`, `WEAVE_CORS_ORIGINS`, rates, `WEAVE_NEXUS_DEADLINE_MS`) and three more.
 *
 * @param schemes Schemes of the broker's address that this runtime can dial.
 * @throws {ConfigError} naming what is missing or wrong. @throws {PacketError} `TRUST_FILE_INVALID`.
 */
export function readEdgeSettings(
  env: Readonly<Record<string, string | undefined>>,
  schemes: readonly string[] = SCHEMES,
): EdgeSettings {
  const { WEAVE_NATS_URL: natsUrl = '', WEAVE_TRUST: trust = '', WEAVE_ADDRESS_HEADER: header = '' } = env
  const faults: string[] = []
  if (!URL.canParse(natsUrl) || !schemes.includes(new URL(natsUrl).protocol)) {
    faults.push(`WEAVE_NATS_URL is no address of a broker, wanted ${schemes.map((each) => `${each}//…`).join(' or ')}`)
  }
  if (trust === '') faults.push('WEAVE_TRUST is missing, wanted the text of a trust file')
  if (!/^[a-z0-9-]*$/.test(header)) faults.push('WEAVE_ADDRESS_HEADER is no name of a header, wanted small letters')
  if (faults.length > 0) throw new ConfigError(faults)
  return {
    ...readConfig(env),
    natsUrl,
    trust: parseTrustFile(utf8(trust)),
    addressHeader: header === '' ? undefined : header,
  }
}
