import { beginsSession, createLinkSession, type SessionEnd } from '../../../packages/schemas/src/link-session.ts'
import { promise, type Target } from '../target.ts'

const MAX_DATAGRAMS = 200

/** Datagrams of an acknowledged session, each behind a length of two bytes; how it ended is its refusal. */
export const target: Target = {
  name: 'link-session',
  inputs: 40_000,
  codes: ['gone', 'closed'],
  covers: ['schemas/link-session.ts createLinkSession', 'schemas/link-session.ts beginsSession'],
  async open() {
    const sent: Uint8Array[] = []
    const peer = createLinkSession({
      datagramBytes: 64,
      nowMs: 0,
      send: (bytes) => void sent.push(bytes),
      receive() {},
      ended() {},
    })
    peer.send(new Uint8Array(10).fill(1), 0)
    peer.send(new Uint8Array(150).fill(2), 0)
    peer.tick(6_000)
    peer.close()
    const framed = (all: readonly Uint8Array[]) =>
      new Uint8Array(Buffer.concat(all.flatMap((each) => [Uint8Array.of(each.length >> 8, each.length & 0xff), each])))
    return {
      manner: 'bytes',
      seeds: [framed(sent), framed(sent.slice(0, 3)), ...sent.map((each) => framed([each]))],
      twists: [
        { make: (random) => framed(Array.from({ length: 1 + random.below(8) }, () => random.pick(sent))) },
        { make: (random) => framed([Uint8Array.of(1 + random.below(8), ...random.bytes(8))]) },
      ],
      run(input) {
        let end: SessionEnd | undefined
        let received = 0
        let answered = 0
        const session = createLinkSession({
          datagramBytes: 64,
          nowMs: 0,
          send: () => void answered++,
          receive(message) {
            received += message.length
          },
          ended: (why) => {
            promise(end === undefined, 'it ended twice')
            end = why
          },
        })
        session.send(new Uint8Array(100), 0)
        let [at, taken] = [0, 0]
        for (; at + 2 <= input.length && taken < MAX_DATAGRAMS; taken++) {
          const length = ((input[at] as number) << 8) | (input[at + 1] as number)
          const datagram = input.subarray(at + 2, at + 2 + length)
          beginsSession(datagram)
          session.take(datagram, taken)
          at += 2 + length
        }
        session.tick(taken + 1)
        promise(received <= input.length, 'more was received than was sent')
        promise(answered <= 3 * taken + 10, 'one datagram is answered with many')
        return end ?? 'ok'
      },
    }
  },
}
