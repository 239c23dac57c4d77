/**
 * An answer as bytes: a stream of records that is as slow as its reader (docs/protocol.md §8.1).
 *
 * @module
 */
import { concat, utf8 } from '@mystranet/sdk/bytes'
import { encodeRecord } from '@mystranet/sdk/envelope'
import type { AnswerReader } from './nexus.ts'

const END = encodeRecord('end')

/**
 * One pull, one page: what the reader does not take stays in the store. A heartbeat comes at once and at least every ten
 * seconds; record 0 ends it.
 *
 * @param heartbeatMs Milliseconds between heartbeats, at most 10,000.
 */
export function answerStream(reader: AnswerReader, heartbeatMs: number): ReadableStream<Uint8Array> {
  let isGone = false
  let isFirst = true
  const leave = () => {
    isGone = true
    reader.close()
  }
  const beat = () => encodeRecord('heartbeat', utf8(reader.heartbeat()))
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      try {
        if (isFirst) {
          isFirst = false
          return controller.enqueue(beat())
        }
        for (let waited = false; !isGone; waited = true) {
          const page = await reader.next()
          if (page.length > 0)
            return controller.enqueue(concat(...page.map(({ type, value }) => encodeRecord(type, value))))
          if (await reader.ended()) {
            const closing = await reader.closing()
            controller.enqueue(concat(...closing.map(({ type, value }) => encodeRecord(type, value)), END))
            leave()
            return controller.close()
          }
          if (waited) return controller.enqueue(beat())
          await reader.changed(heartbeatMs)
        }
      } catch (error) {
        leave()
        // A stream that ends without record 0 was cut; the reader resumes.
        controller.error(error)
      }
    },
    cancel: leave,
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}
