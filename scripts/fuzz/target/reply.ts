import { CloseContent, encode, OpenContent } from '../../../packages/schemas/src/messages.ts'
import { anInstance, fixed } from '../../../packages/sdk/conformance/make/fixed.ts'
import { fixedCore, replyDraftOf, replyKeysOf, sealReplyFixed } from '../../../packages/sdk/conformance/make/packet.ts'
import { anAgent, requestOf } from '../../../packages/sdk/conformance/make/request.ts'
import { parsePacket } from '../../../packages/sdk/src/envelope/parse.ts'
import { openStreamClose, openStreamOpen } from '../../../packages/sdk/src/packet/open.ts'
import { checkClose } from '../../../packages/sdk/src/stream/close.ts'
import { breakWire } from '../mutate/wire.ts'
import type { Random } from '../random.ts'
import { judged, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

/** OPEN and CLOSE as the one who asked opens them, and CLOSE against a stream of nothing. */
export const target: Target = {
  name: 'reply',
  inputs: 30_000,
  codes: [
    'UNPARSED',
    'FIELD_INVALID',
    'OPEN_FAILED',
    'CONTENT_INVALID',
    'COMMITMENT_MISMATCH',
    'STREAM_INVALID',
    'STREAM_TRUNCATED',
  ],
  covers: ['sdk/packet/open.ts openStreamOpen', 'sdk/packet/open.ts openStreamClose'],
  async open() {
    const [sender, agent] = [await anInstance('sender'), await anAgent('agent 0', 1)]
    const request = await requestOf({ name: 'fuzz', sender, agents: [agent] })
    const responseNonce = fixed('response nonce')
    const { keys } = replyKeysOf(request, agent, responseNonce)
    const reply = { attempt: 1, responseNonce }
    const core = (kind: 'STREAM_OPEN' | 'STREAM_CLOSE', code?: number) => ({
      ...fixedCore(`fuzz/${kind}`, kind, replyDraftOf(request, agent, 1n)),
      ...reply,
      ...(code !== undefined && { code }),
    })
    const [streamId, root, answerSalt] = [fixed('stream'), fixed('root'), keys.answerSalt]
    const opened = encode(OpenContent, { modelStatement: fixed('a statement', 80) })
    const closed = (frames: number, stream = streamId) =>
      encode(CloseContent, {
        stream,
        frames,
        root,
        answerCommitment: fixed('commitment'),
        usage: { promptTokens: 1, completionTokens: 2 },
      })
    type Content = Parameters<typeof sealReplyFixed>[1]
    const open = async (content: Uint8Array, by = keys.open) =>
      (await sealReplyFixed(core('STREAM_OPEN'), content as Content, by, agent)).bytes
    const close = async (content: Uint8Array, code: number, by = keys.close) =>
      (await sealReplyFixed(core('STREAM_CLOSE', code), content as Content, by, agent)).bytes
    const salted = { ...keys.open, salt: fixed('another salt') }
    return {
      manner: 'wire',
      seeds: [
        await open(opened),
        await close(closed(2), 8),
        ...vector('refusals').replies.opens.map(({ packet }) => fromHex(packet)),
      ],
      twists: [
        { make: (random: Random) => open(breakWire(opened, random, [opened])) },
        { make: (random: Random) => close(breakWire(closed(2), random, [opened]), 3 + random.below(6)) },
        { make: (random: Random) => close(closed(random.below(5)), 3 + random.below(6)) },
        { make: (random: Random) => close(closed(2, random.bytes(32)), 3) },
        { make: () => open(opened, salted) },
        { make: () => open(opened, keys.close) },
        { make: async () => fromHex(vector('replies').replies[0]?.bodiless[0]?.packet ?? '') },
      ],
      async run(input) {
        let packet: ReturnType<typeof parsePacket>
        try {
          packet = parsePacket(input)
        } catch {
          return 'UNPARSED'
        }
        return judged(() => {
          if (packet.kind !== 'STREAM_CLOSE') return openStreamOpen(packet, keys)
          const { content } = openStreamClose(packet, keys)
          return checkClose(packet.core.code, content, {
            streamId,
            frames: 2,
            root,
            ended: true,
            answer: new Uint8Array(0),
            answerSalt,
          })
        })
      },
    }
  },
}
