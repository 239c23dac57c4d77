/**
 * The router's settings: environment and options, read once into one frozen object. Every setting has a row below; the
 * row is its documentation.
 *
 * @module
 */

interface NumberRow {
  readonly env: string
  readonly fallback: number
  readonly least: number
  readonly most: number
  readonly about: string
}

const row = (env: string, fallback: number, least: number, most: number, about: string): NumberRow => ({
  env,
  fallback,
  least,
  most,
  about,
})

/** Every number that can be set, with its unit in its name. */
export const NUMBER_SETTINGS = {
  port: row('WEAVE_PORT', 8470, 0, 65_535, 'TCP port of the HTTP interface; 0 takes a free one.'),
  commitDeadlineMs: row(
    'WEAVE_COMMIT_DEADLINE_MS',
    2_000,
    50,
    60_000,
    'Wait for a witness quorum; then LOG_UNCONFIRMED.',
  ),
  acceptMs: row('WEAVE_ACCEPT_MS', 20_000, 500, 600_000, 'Time an agent has to accept an attempt while another could.'),
  leaseMs: row('WEAVE_LEASE_MS', 15_000, 500, 600_000, 'A delivery without progress for so long is made again.'),
  maxDeliver: row('WEAVE_MAX_DELIVER', 5, 1, 100, 'Deliveries of one packet that no agent accepted; then it is dead.'),
  backOffMs: row(
    'WEAVE_BACK_OFF_MS',
    250,
    1,
    60_000,
    'First pause before a redelivery; doubles, with jitter, to 60 times.',
  ),
  queueLimit: row('WEAVE_QUEUE_LIMIT', 1_000, 1, 1_000_000, 'Packets that may wait for one agent.'),
  topicLimit: row('WEAVE_TOPIC_LIMIT', 10_000, 1, 1_000_000, 'Messages of a topic that wait for its consumers.'),
  topicMaxBytes: row(
    'WEAVE_TOPIC_MAX_BYTES',
    67_108_864,
    1_048_576,
    1e15,
    'Bytes of a topic that wait for its consumers; beyond, TOPIC_FULL.',
  ),
  natsMaxBytes: row(
    'WEAVE_NATS_MAX_BYTES',
    1_073_741_824,
    65_536,
    1e15,
    'Bytes that packets may take on the broker; beyond, QUEUE_FULL.',
  ),
  natsReplicas: row(
    'WEAVE_NATS_REPLICAS',
    1,
    1,
    5,
    'Copies that the broker keeps of each packet; more want a cluster.',
  ),
  natsAnswers: row(
    'WEAVE_NATS_ANSWERS',
    0,
    0,
    1,
    '1: answers lie on the broker, where another process can read them; while it is away, what must be durable waits.',
  ),
  abandonMs: row('WEAVE_ABANDON_MS', 30_000, 100, 600_000, 'An answer whose reader left is stopped after so long.'),
  heartbeatMs: row('WEAVE_HEARTBEAT_MS', 5_000, 50, 10_000, 'Pause between the heartbeats of an answer.'),
  answerKeepMs: row(
    'WEAVE_ANSWER_KEEP_MS',
    3_600_000,
    1_000,
    604_800_000,
    'How long a finished answer can be fetched.',
  ),
  canaryMs: row('WEAVE_CANARY_MS', 24_000, 1_000, 3_600_000, 'Greatest age of an agent’s canary for /readyz.'),
  nexusDeadlineMs: row('WEAVE_NEXUS_DEADLINE_MS', 8_000, 100, 60_000, 'Wait of an edge for its nexus; then 503.'),
  senderPerMinute: row('WEAVE_SENDER_PER_MINUTE', 600, 1, 1_000_000, 'Packets a minute from one sender.'),
  senderBurst: row('WEAVE_SENDER_BURST', 120, 1, 1_000_000, 'Packets at once from one sender.'),
  addressPerMinute: row('WEAVE_ADDRESS_PER_MINUTE', 6_000, 1, 10_000_000, 'HTTP requests a minute from one address.'),
  addressBurst: row('WEAVE_ADDRESS_BURST', 600, 1, 10_000_000, 'HTTP requests at once from one address.'),
} as const satisfies Record<string, NumberRow>

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export type RouterConfig = { readonly [Name in keyof typeof NUMBER_SETTINGS]: number } & {
  /** `WEAVE_HOST`: address to listen on. Loopback unless told. */
  readonly host: string
  /** `WEAVE_LOG_LEVEL`. */
  readonly logLevel: LogLevel
  /** `WEAVE_CORS_ORIGINS`: origins of pages that may call the router, comma-separated. None by default. */
  readonly corsOrigins: readonly string[]
}

/** All faults of a configuration at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`Cannot configure the router: ${faults.join('; ')}`)
    this.faults = faults
  }
}

/**
 * Reads the configuration. Options win over the environment.
 *
 * @throws {ConfigError} naming every fault, not only the first.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>> = {},
  options: Partial<RouterConfig> = {},
): RouterConfig {
  const faults: string[] = []
  const numbers: Record<string, number> = {}
  for (const [name, setting] of Object.entries(NUMBER_SETTINGS)) {
    const given = options[name as keyof typeof NUMBER_SETTINGS]
    const text = given === undefined ? env[setting.env] : String(given)
    numbers[name] = readNumber(given === undefined ? setting.env : name, text, setting, faults)
  }
  const host = options.host ?? env['WEAVE_HOST'] ?? '127.0.0.1'
  if (host === '' || /\s/.test(host)) faults.push(`WEAVE_HOST is ${JSON.stringify(host)}, wanted an address`)
  const logLevel = options.logLevel ?? env['WEAVE_LOG_LEVEL'] ?? 'info'
  if (!LOG_LEVELS.some((level) => level === logLevel)) {
    faults.push(`WEAVE_LOG_LEVEL is ${JSON.stringify(logLevel)}, wanted one of ${LOG_LEVELS.join(' ')}`)
  }
  const corsOrigins = options.corsOrigins ?? (env['WEAVE_CORS_ORIGINS'] ?? '').split(',').filter((each) => each !== '')
  for (const origin of corsOrigins) {
    if (!isOrigin(origin))
      faults.push(`WEAVE_CORS_ORIGINS has ${JSON.stringify(origin)}, wanted an origin such as https://a.example`)
  }
  if (faults.length > 0) throw new ConfigError(faults)
  return Object.freeze({
    ...(numbers as { [Name in keyof typeof NUMBER_SETTINGS]: number }),
    host,
    logLevel: logLevel as LogLevel,
    corsOrigins: Object.freeze([...corsOrigins]),
  })
}

function readNumber(name: string, text: string | undefined, setting: NumberRow, faults: string[]): number {
  if (text === undefined || text === '') return setting.fallback
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= setting.least && value <= setting.most) return value
  faults.push(`${name} is ${JSON.stringify(text)}, wanted a whole number from ${setting.least} to ${setting.most}`)
  return setting.fallback
}

function isOrigin(text: string): boolean {
  try {
    return new URL(text).origin === text
  } catch {
    return false
  }
}
