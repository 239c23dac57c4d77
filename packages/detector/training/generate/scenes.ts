/**
 * Benign traffic of much volume as a table: the parameters of one run, and the sockets that play it.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Random } from './random.ts'
import { clientAddress, type Make, paced, pause } from './scene.ts'
import { datagramScenes } from './scenes-udp.ts'

const SERVER = '127.0.0.1'

async function listening(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, SERVER, 4096, resolve))
  return server
}

async function dial(server: Server, localAddress: string): Promise<Socket> {
  const { port } = server.address() as { port: number }
  const socket = connect({ port, host: SERVER, localAddress })
  socket.on('error', () => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('close', () => reject(new Error('Cannot dial: the connection was closed')))
  })
  return socket
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

/** Much data one way over few connections, at a rate that a line of today has. */
const bulk =
  (way: 'down' | 'up'): Make =>
  (random) => {
    const connections = way === 'down' ? random.between(1, 8) : random.between(1, 3)
    const megabits = random.logBetween(10, 300)
    const bytes = random.between(6, 12) * 1e6
    const chunk = random.pick([4, 16, 64]) * 1024
    const addresses = Array.from({ length: connections }, () => clientAddress(random))
    return {
      parameters: { connections, megabits, bytes, chunk },
      async play() {
        const atServer: Socket[] = []
        const server = await listening((socket) => {
          atServer.push(socket)
          socket.resume()
        })
        const clients = await Promise.all(addresses.map((address) => dial(server, address)))
        for (const client of clients) client.resume()
        const from = way === 'down' ? atServer : clients
        const block = new Uint8Array(chunk)
        let turn = 0
        await paced((megabits * 1e6) / 8 / chunk, Math.ceil(bytes / chunk), (count) => {
          for (let i = 0; i < count; i++) from[turn++ % from.length]?.write(block)
        })
        for (const client of clients) client.end()
        await pause(50)
        for (const socket of [...clients, ...atServer]) socket.destroy()
        await closed(server)
      },
    }
  }

/** Many people come at once: a connection each from an address each, a question, an answer, and off again. */
const crowd: Make = (random) => {
  const people = random.logBetween(60, 2000)
  const perSecond = random.logBetween(60, 800)
  const visits = Math.min(random.between(900, 1800), perSecond * 5)
  const answerBytes = random.logBetween(400, 20_000)
  const questions = random.pick([1, 1, 3])
  const addresses = Array.from({ length: people }, () => clientAddress(random))
  return {
    parameters: { people, perSecond, visits, answerBytes, questions },
    async play() {
      const answer = new Uint8Array(answerBytes)
      const server = await listening((socket) => {
        socket.on('data', () => socket.write(answer))
        socket.on('end', () => socket.end())
      })
      const under: Promise<void>[] = []
      await paced(perSecond, visits, (count) => {
        for (let i = 0; i < count; i++) under.push(visit(server, random, addresses, answerBytes, questions))
      })
      await Promise.all(under)
      await closed(server)
    },
  }
}

async function visit(
  server: Server,
  random: Random,
  addresses: readonly string[],
  answerBytes: number,
  questions: number,
): Promise<void> {
  const socket = await dial(server, random.pick(addresses)).catch(() => undefined)
  if (socket === undefined) return
  for (let i = 0; i < questions && !socket.destroyed; i++) {
    socket.write(new Uint8Array(random.logBetween(80, 1200)))
    let left = answerBytes
    await new Promise<void>((resolve) => {
      socket.on('data', (part) => {
        left -= part.length
        if (left <= 0) resolve()
      })
      socket.once('close', () => resolve())
    })
    socket.removeAllListeners('data')
  }
  socket.end()
  socket.resume()
}

/** Answers of language models: many connections, each a few small pieces a second. */
const tokens: Make = (random) => {
  const streams = random.logBetween(5, 300)
  const perSecond = random.between(10, 80)
  const smallest = random.between(20, 80)
  const largest = smallest + random.between(0, 300)
  const pieces = Math.min(8000, streams * perSecond * 5)
  const addresses = Array.from({ length: streams }, () => clientAddress(random))
  return {
    parameters: { streams, perSecond, smallest, largest, pieces },
    async play() {
      const atServer: Socket[] = []
      const server = await listening((socket) => atServer.push(socket.setNoDelay(true)))
      const clients = await Promise.all(addresses.map((address) => dial(server, address)))
      for (const client of clients) {
        client.resume()
        client.write(new Uint8Array(random.between(300, 3000)))
      }
      await paced(streams * perSecond, pieces, (count) => {
        for (let i = 0; i < count; i++) random.pick(atServer).write(new Uint8Array(random.between(smallest, largest)))
      })
      for (const client of clients) client.end()
      await pause(50)
      for (const socket of [...clients, ...atServer]) socket.destroy()
      await closed(server)
    },
  }
}

/** Small questions and answers over few connections, as to a database. */
const database: Make = (random) => {
  const connections = random.between(1, 24)
  const perSecond = random.logBetween(50, 2500)
  const questions = Math.min(4000, perSecond * 6)
  const answerBytes = random.logBetween(20, 8000)
  return {
    parameters: { connections, perSecond, questions, answerBytes },
    async play() {
      const answer = new Uint8Array(answerBytes)
      const server = await listening((socket) => socket.on('data', () => socket.write(answer)))
      const clients = await Promise.all(Array.from({ length: connections }, () => dial(server, clientAddress(random))))
      for (const client of clients) client.resume()
      await paced(perSecond, questions, (count) => {
        for (let i = 0; i < count; i++) random.pick(clients).write(new Uint8Array(random.between(20, 400)))
      })
      await pause(50)
      for (const client of clients) client.destroy()
      await closed(server)
    },
  }
}

/** Each makes one run. */
export const SCENES: Readonly<Record<string, Make>> = {
  download: bulk('down'),
  backup: bulk('up'),
  crowd,
  tokens,
  database,
  ...datagramScenes,
}
