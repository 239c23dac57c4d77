/**
 * The streams of the queue: made when they are missing, refused when they are not as we need them.
 *
 * @module
 */
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream'
import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { RouterError } from '../errors.ts'

/** Packets that wait: `weave.deliver.{instance}.{packet}.{attempt}`, each subject with at most one message. */
export const DELIVER = 'WEAVE_DELIVER'
/** Parts of packets that are too large for one message of the broker: `weave.part.{packet}.{attempt}.{number}`. */
export const PARTS = 'WEAVE_PARTS'
/** What ended: `weave.ended.{packet}.{attempt}.{seen|unseen}`, whether an agent may have had it. */
export const ENDED = 'WEAVE_ENDED'

export interface StreamOptions {
  /** Copies of each message; more than one wants a cluster. */
  readonly replicas: number
  /** Bytes that packets may take in each of the two streams that hold them; -1: as much as the server allows. */
  readonly maxBytes: number
}

/** What must hold of a stream. */
export type WantedStream = Pick<StreamConfig, 'name' | 'subjects' | 'retention' | 'max_bytes' | 'num_replicas'> &
  Partial<StreamConfig>

function streamsOf({ replicas, maxBytes }: StreamOptions): readonly WantedStream[] {
  const shared = {
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    allow_direct: true,
    num_replicas: replicas,
    max_msgs_per_subject: 1,
  }
  const limits = { ...shared, retention: RetentionPolicy.Limits }
  return [
    {
      ...shared,
      name: DELIVER,
      subjects: ['weave.deliver.>'],
      retention: RetentionPolicy.Workqueue,
      max_bytes: maxBytes,
    },
    { ...limits, name: PARTS, subjects: ['weave.part.>'], max_bytes: maxBytes },
    { ...limits, name: ENDED, subjects: ['weave.ended.>'], max_bytes: -1 },
  ]
}

/** @throws {RouterError} `STORE_FAILED` when a stream of that name is another one. */
export async function applyStreams(jsm: JetStreamManager, options: StreamOptions): Promise<void> {
  for (const wanted of streamsOf(options)) await applyStream(jsm, wanted)
}

/** @throws {RouterError} `STORE_FAILED` when a stream of that name is another one. */
export async function applyStream(jsm: JetStreamManager, wanted: WantedStream): Promise<void> {
  const found = await jsm.streams.info(wanted.name).catch((error: unknown) => {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined
    throw error
  })
  if (found === undefined) {
    await jsm.streams.add(wanted)
    return
  }
  for (const [field, value] of Object.entries(wanted)) {
    const there = found.config[field as keyof StreamConfig]
    if (JSON.stringify(there) === JSON.stringify(value)) continue
    throw new RouterError(
      'STORE_FAILED',
      `Cannot use the stream ${wanted.name}: its ${field} is ${JSON.stringify(there)}, wanted ${JSON.stringify(value)}`,
    )
  }
}
