/**
 * The frames of one answer: each made once, held until its OPEN is logged, proven by signed checkpoints on the way.
 *
 * @module
 */
import { STREAM_CHECKPOINT_FRAMES, STREAM_CHECKPOINT_MS } from '@mystranet/schemas/limits'
import type { AgentMessage } from '@mystranet/schemas/link'
import type { DocumentSigner } from '@mystranet/sdk/envelope'
import type { ReplyKeys } from '@mystranet/sdk/packet'
import {
  createCoalescer,
  createFrameWriter,
  joinPayloads,
  type StreamEnd,
  signStreamCheckpoint,
} from '@mystranet/sdk/stream'
import type { Clock } from './ports.ts'

export interface FrameStreamOptions {
  readonly request: Uint8Array
  readonly streamId: Uint8Array
  readonly network: Uint8Array
  readonly keys: ReplyKeys
  readonly signer: DocumentSigner
  readonly clock: Clock
  send(message: AgentMessage): void
  /** Makes a checkpoint durable. */
  keep(document: Uint8Array): Promise<void>
  /** A checkpoint could not be signed or kept; the stream goes on. */
  onFault(error: unknown): void
}

export interface FrameStream {
  /** Adds text; it leaves as a frame at once or within 40 ms. */
  push(text: string): void
  /** Makes the final frame. */
  end(): void
  /** Drops text that is in no frame yet, and stops all timers. Frames stay. */
  stop(): void
  /** Sends what was held, and from now on each frame as it is made. */
  release(): void
  /** All frames so far, in order. */
  readonly frames: readonly Uint8Array[]
  /** What CLOSE says of them. */
  state(): StreamEnd
}

export function createFrameStream(options: FrameStreamOptions): FrameStream {
  const { request, streamId, network, keys, signer, clock } = options
  const writer = createFrameWriter(streamId, keys.frame)
  const frames: Uint8Array[] = []
  const payloads: Uint8Array[] = []
  let ended = false
  let released = false
  let proven = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const coalescer = createCoalescer((payload, final) => {
    const frame = writer.write(payload, final)
    frames.push(frame)
    payloads.push(payload)
    ended = final
    if (!released) return
    options.send({ type: 'frame', request, frame })
    checkpointWhenDue()
  })

  function checkpointWhenDue(): void {
    if (writer.count - proven >= STREAM_CHECKPOINT_FRAMES) checkpoint()
    else if (!ended) timer ??= setTimeout(checkpoint, STREAM_CHECKPOINT_MS)
  }

  function checkpoint(): void {
    clearTimeout(timer)
    timer = undefined
    proven = writer.count
    const state = { network, streamId, size: writer.count, root: writer.root(), createdMs: clock.now() }
    const said = signStreamCheckpoint(state, signer).then((document) => {
      options.send({ type: 'checkpoint', request, document })
      return options.keep(document)
    })
    said.catch(options.onFault)
  }

  function stop(): void {
    coalescer.stop()
    clearTimeout(timer)
    timer = undefined
  }

  return {
    push: (text) => coalescer.push(text),
    end() {
      coalescer.end()
      stop()
    },
    stop,
    release() {
      released = true
      for (const frame of frames) options.send({ type: 'frame', request, frame })
      if (frames.length > 0) checkpointWhenDue()
    },
    frames,
    state: () => ({
      streamId,
      frames: writer.count,
      root: writer.root(),
      ended,
      answer: joinPayloads(payloads),
      answerSalt: keys.answerSalt,
    }),
  }
}
