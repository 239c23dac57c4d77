import { describe, expect, it } from 'vitest'
import { signStreamCheckpoint } from './checkpoint.ts'
import { answerFixture } from './fixture.ts'

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const AGAIN = { maxAttempts: 3, afterOpen: true }
/** Codes of a CLOSE. */
const [STOP, CANCELLED, ERROR, ABORTED] = [3, 6, 7, 8]

describe('a reply', () => {
  it('is taken when all of it fits', async () => {
    const { prove, packet, bodiless } = await answerFixture()
    await prove()
    expect(await packet(await bodiless('ACK', 1))).toEqual([{ type: 'progress', text: 'accepted' }])
  })

  it('is no request and no CANCEL', async () => {
    const { prove, packet, request, cancel } = await answerFixture()
    await prove()
    await expect(packet(request)).rejects.toThrow(/it is a REQUEST, wanted a reply/)
    await expect(packet(await cancel())).rejects.toThrow(/it is a CANCEL, wanted a reply/)
  })

  it('of another network is refused', async () => {
    const { prove, packet, bodiless } = await answerFixture()
    await prove()
    const reply = await bodiless('ACK', 1, { network: new Uint8Array(32) })
    await expect(packet(reply)).rejects.toThrow(code('NETWORK_MISMATCH'))
  })

  it('to another packet is refused', async () => {
    const { prove, packet, bodiless } = await answerFixture()
    await prove()
    const reply = await bodiless('ACK', 1, { inReplyTo: new Uint8Array(32) })
    await expect(packet(reply)).rejects.toThrow(/it answers another packet/)
  })

  it('of another conversation is refused', async () => {
    const { prove, packet, bodiless } = await answerFixture()
    await prove()
    const reply = await bodiless('ACK', 1, { correlationId: new Uint8Array(16) })
    await expect(packet(reply)).rejects.toThrow(/it correlates with another packet/)
  })

  it('of no recipient is refused', async () => {
    const { prove, packet, bodiless } = await answerFixture()
    await prove()
    const reply = await bodiless('ACK', 1, { sender: new Uint8Array(32) })
    await expect(packet(reply)).rejects.toThrow(/its sender is no recipient of the request/)
  })

  it('without a receipt of its attempt, or without the keys of its sender, is refused', async () => {
    const { take, chain, attemptReceipt, packet, bodiless } = await answerFixture()
    const reply = await bodiless('ACK', 1)
    await take('agent-keys', chain)
    await expect(packet(reply)).rejects.toThrow(code('ATTEMPT_UNPROVEN'))
    const other = await answerFixture()
    await other.take('attempt-receipt', other.attemptReceipt(1))
    await expect(other.packet(await other.bodiless('ACK', 1))).rejects.toThrow(code('KEY_UNKNOWN'))
    await take('attempt-receipt', attemptReceipt(1))
    expect(await packet(reply)).toHaveLength(1)
  })

  it.each(['other', 'nobody'] as const)('under an attempt that was given to %s is refused', async (decides) => {
    const { prove, packet, bodiless } = await answerFixture({ decides })
    await prove()
    await expect(packet(await bodiless('ACK', 1))).rejects.toThrow(/its attempt was given to another agent/)
  })

  it('that refuses the request says why', async () => {
    const { prove, packet, bodiless } = await answerFixture({ retry: AGAIN })
    await prove()
    await expect(packet(await bodiless('NACK', 60))).rejects.toThrow(/The agent refused the packet/)
  })
})

describe('a second stream', () => {
  it('of one attempt is refused', async () => {
    const { prove, packet, open } = await answerFixture({ retry: AGAIN })
    await prove()
    await packet(await open())
    await expect(packet(await open())).rejects.toThrow(/a second stream of one attempt/)
  })

  it('of a request that allows one is refused', async () => {
    const { prove, packet, open } = await answerFixture()
    await prove()
    await packet(await open())
    await expect(packet(await open(2))).rejects.toThrow(/a request that allows one/)
  })

  it('is refused while the first did not fail, and taken when it did', async () => {
    const { prove, packet, open, bodiless } = await answerFixture({ retry: AGAIN })
    await prove()
    await packet(await open())
    await expect(packet(await open(2))).rejects.toThrow(/whose first did not fail/)
    const lost = await bodiless('STREAM_CLOSE', ABORTED)
    expect(await packet(lost)).toMatchObject([{ type: 'restart', attempt: 1 }])
    expect(await packet(await open(2))).toMatchObject([{ type: 'open', attempt: 2 }])
  })
})

describe('what is of a stream', () => {
  it('does not come before it', async () => {
    const { keys, prove, take, packet, open, answered, request } = await answerFixture()
    await prove()
    const opened = await open()
    const { frame, close } = await answered(opened)
    await expect(take('frame', frame)).rejects.toThrow(/a frame came before its stream/)
    await expect(packet(close)).rejects.toThrow(/its stream did not open/)
    const head = { network: request.core.network, streamId: opened.id, size: 1, root: new Uint8Array(32), createdMs: 1 }
    const checkpoint = await signStreamCheckpoint(head, keys.agentPacket)
    await expect(take('checkpoint', checkpoint)).rejects.toThrow(/a stream checkpoint came before its stream/)
  })

  it('ends with its nonce and its key', async () => {
    const { keys, prove, take, packet, open, answered } = await answerFixture()
    await prove()
    const opened = await open()
    await packet(opened)
    const other = await answered(opened, 1, STOP, { nonce: new Uint8Array(32).fill(1) })
    await take('frame', other.frame)
    await expect(packet(other.close)).rejects.toThrow(/its nonce is not that of its stream/)
    const foreign = await answered(opened, 1, STOP, { signer: keys.publisher })
    await expect(packet(foreign.close)).rejects.toThrow(/another key than that of its stream/)
    const { close } = await answered(opened)
    expect(await packet(close)).toMatchObject([{ type: 'close', finish: 'STOP' }])
  })

  it('does not end under another attempt', async () => {
    const { prove, packet, open, answered } = await answerFixture({ retry: AGAIN })
    await prove()
    const opened = await open()
    await packet(opened)
    await expect(packet((await answered(opened, 2)).close)).rejects.toThrow(/its stream did not open/)
  })

  it('ends once', async () => {
    const { prove, take, packet, open, answered, reader } = await answerFixture()
    await prove()
    const opened = await open()
    await packet(opened)
    const { frame, close } = await answered(opened)
    await take('frame', frame)
    await packet(close)
    expect(await packet(close)).toEqual([])
    await expect(packet((await answered(opened)).close)).rejects.toThrow(/a second end of one attempt/)
    expect(await take('end')).toEqual([{ type: 'end' }])
    expect(reader.ended).toBe(true)
  })

  it('ends once, also where it failed', async () => {
    const { prove, take, packet, open, answered } = await answerFixture({ retry: AGAIN })
    await prove()
    const opened = await open()
    await packet(opened)
    const { frame, close } = await answered(opened, 1, ERROR)
    await take('frame', frame)
    expect(await packet(close)).toMatchObject([{ type: 'restart', attempt: 1 }])
    expect(await packet(close)).toEqual([])
    await expect(packet((await answered(opened, 1, ERROR)).close)).rejects.toThrow(/a second end of one attempt/)
    await expect(take('end')).rejects.toThrow(/The answer was cut: ERROR/)
  })

  it('that failed ends the answer, where no other may follow or its sender cut it', async () => {
    for (const retry of [{ maxAttempts: 3 }, AGAIN]) {
      const { prove, take, packet, open, answered } = await answerFixture({ retry })
      await prove()
      const opened = await open()
      await packet(opened)
      const finish = retry === AGAIN ? CANCELLED : ERROR
      const { frame, close } = await answered(opened, 1, finish)
      await take('frame', frame)
      await expect(packet(close)).rejects.toThrow(/The answer was cut/)
    }
  })

  it('that was lost on its way ends the answer', async () => {
    const { prove, packet, bodiless } = await answerFixture()
    await prove()
    await expect(packet(await bodiless('STREAM_CLOSE', ABORTED))).rejects.toThrow(/lost the answer on its way/)
  })
})

describe('the end', () => {
  it('without a CLOSE is a cut', async () => {
    const { prove, take, packet, open } = await answerFixture()
    await prove()
    await packet(await open())
    await expect(take('end')).rejects.toThrow(code('STREAM_TRUNCATED'))
  })

  it('by a notice is why the request was given up', async () => {
    const { take, notice } = await answerFixture()
    await expect(take('notice', await notice(33))).rejects.toThrow(code('DEAD_LETTERED'))
    await expect(take('notice', await notice(67))).rejects.toThrow(code('CANCELLED'))
  })

  it('by a notice of another packet, or by nobody whom the trust file names, is refused', async () => {
    const { keys, take, notice } = await answerFixture()
    const other = await notice(33, { packetId: new Uint8Array(32) })
    await expect(take('notice', other)).rejects.toThrow(/its notice is of another packet/)
    const foreign = await notice(33, {}, keys.stranger)
    await expect(take('notice', foreign)).rejects.toThrow(/signed by no nexus/)
  })
})
