/**
 * Benign traffic over UDP of much volume: what a detector of floods takes most easily for one.
 *
 * @module
 */
import { createSocket, type Socket } from 'node:dgram'
import type { Random } from './random.ts'
import { clientAddress, type Make, paced, pause } from './scene.ts'

const SERVER = '127.0.0.1'
const MAX_PACKETS = 14_000

/** A socket; `onMessage` gets who asked. */
async function bound(
  address: string,
  port: number,
  onMessage: (socket: Socket, bytes: number, fromPort: number, from: string) => void = () => {},
): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('error', () => {})
  socket.on('message', (data, from) => onMessage(socket, data.length, from.port, from.address))
  await new Promise<void>((resolve) => socket.bind(port, address, resolve))
  return socket
}

const portOf = (socket: Socket): number => socket.address().port
const block = new Uint8Array(1472)
const send = (socket: Socket, bytes: number, port: number, address: string): void =>
  socket.send(block, 0, bytes, port, address)

async function closeAll(sockets: readonly Socket[]): Promise<void> {
  await pause(50)
  for (const socket of sockets) socket.close()
}

const boundEach = (random: Random, count: number, onMessage?: Parameters<typeof bound>[2]): Promise<Socket[]> =>
  Promise.all(Array.from({ length: count }, () => bound(clientAddress(random), 0, onMessage)))

/** Players who say where they are many times a second, and a server that tells them of the others. */
const game: Make = (random) => {
  const players = random.logBetween(4, 150)
  const perSecond = random.pick([20, 30, 60])
  const saidBytes = random.between(30, 90)
  const toldBytes = random.between(60, 700)
  const messages = Math.min(MAX_PACKETS / 2, players * perSecond * 5)
  return {
    parameters: { players, perSecond, saidBytes, toldBytes, messages },
    async play() {
      const server = await bound(SERVER, 0, (socket, _, port, from) =>
        send(socket, random.between(toldBytes >> 1, toldBytes), port, from),
      )
      const clients = await boundEach(random, players)
      let turn = 0
      await paced(players * perSecond, messages, (count) => {
        for (let i = 0; i < count; i++) {
          send(clients[turn++ % players]!, saidBytes + random.between(0, 40), portOf(server), SERVER)
        }
      })
      await closeAll([server, ...clients])
    },
  }
}

/** Pictures in bursts and sound in even small packets, both ways. */
const call: Make = (random) => {
  const peers = random.between(1, 6)
  const kilobits = random.logBetween(300, 4000)
  const pictureBytes = random.between(900, 1200)
  const soundBytes = random.between(60, 180)
  const perTick = Math.max(1, Math.round((kilobits * 1e3) / 8 / 30 / pictureBytes))
  const ticks = Math.min(180, Math.floor(MAX_PACKETS / 2 / peers / (perTick + 2)))
  return {
    parameters: { peers, kilobits, pictureBytes, soundBytes, ticks },
    async play() {
      const here = await bound(SERVER, 0)
      const there = await boundEach(random, peers)
      await paced(30, ticks, () => {
        for (const peer of there) {
          for (const [from, to] of [
            [here, peer],
            [peer, here],
          ] as const) {
            const { port, address } = to.address()
            for (let i = 0; i < perTick; i++)
              send(from, i === perTick - 1 ? random.between(200, pictureBytes) : pictureBytes, port, address)
            send(from, soundBytes + random.between(0, 10), port, address)
            if (random.chance(0.7)) send(from, soundBytes + random.between(0, 10), port, address)
          }
        }
      })
      await closeAll([here, ...there])
    },
  }
}

/** Downloads over QUIC: long datagrams down, a short one up for every few. */
const quic: Make = (random) => {
  const clients = random.logBetween(1, 80)
  const megabits = random.logBetween(5, 150)
  const bytes = random.between(1200, 1400)
  const every = random.between(2, 10)
  const datagrams = Math.min(random.between(5000, 9000), Math.floor((megabits * 5e6) / 8 / bytes))
  return {
    parameters: { clients, megabits, bytes, every, datagrams },
    async play() {
      const got = new Map<Socket, number>()
      const server = await bound(SERVER, 443)
      const all = await boundEach(random, clients, (socket, _, port, from) => {
        const count = (got.get(socket) ?? 0) + 1
        got.set(socket, count)
        if (count % every === 0) send(socket, random.between(28, 60), port, from)
      })
      let left = 0
      let to = all[0]!
      await paced((megabits * 1e6) / 8 / bytes, datagrams, (count) => {
        for (let i = 0; i < count; i++) {
          if (left-- <= 0) {
            to = random.pick(all)
            left = random.between(1, 16)
          }
          send(server, left === 0 ? random.between(60, bytes) : bytes, to.address().port, to.address().address)
        }
      })
      await closeAll([server, ...all])
    },
  }
}

/** A resolver that asks many name servers: answers from port 53 of many hosts, and nobody attacks. */
const resolver: Make = (random) => {
  const servers = random.logBetween(3, 400)
  const perSecond = random.logBetween(30, 1500)
  const questions = Math.min(MAX_PACKETS / 2, perSecond * 5)
  const signed = random.next() * 0.4
  return {
    parameters: { servers, perSecond, questions, signed },
    async play() {
      const all = await Promise.all(
        Array.from({ length: servers }, () =>
          bound(clientAddress(random), 53, (socket, _, port, from) =>
            send(socket, random.chance(signed) ? random.between(400, 1232) : random.between(60, 300), port, from),
          ),
        ),
      )
      const asking = await Promise.all(Array.from({ length: 64 }, () => bound(SERVER, 0)))
      await paced(perSecond, questions, (count) => {
        for (let i = 0; i < count; i++) {
          send(random.pick(asking), random.between(35, 90), 53, random.pick(all).address().address)
        }
      })
      await closeAll([...all, ...asking])
    },
  }
}

/** A server of the time, or of names, that many clients ask: one small question each. */
const asked: Make = (random) => {
  const clients = random.logBetween(20, 600)
  const perSecond = random.logBetween(30, 1500)
  const port = random.pick([53, 123])
  const questions = Math.min(MAX_PACKETS / 2, perSecond * 5)
  return {
    parameters: { clients, perSecond, port, questions },
    async play() {
      const server = await bound(SERVER, port, (socket, _, from, address) =>
        send(socket, port === 123 ? 48 : random.between(60, 400), from, address),
      )
      const all = await boundEach(random, clients)
      await paced(perSecond, questions, (count) => {
        for (let i = 0; i < count; i++) send(random.pick(all), port === 123 ? 48 : random.between(28, 70), port, SERVER)
      })
      await closeAll([server, ...all])
    },
  }
}

export const datagramScenes: Readonly<Record<string, Make>> = { game, call, quic, resolver, asked }
