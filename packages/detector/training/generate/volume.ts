/**
 * Records benign traffic of much volume: real sockets on the loopback of a network namespace of its own, which no other
 * process sees. `<kind>-<run>.pcap` and beside it the parameters as JSON.
 *
 *     node packages/detector/training/generate/volume.ts [--runs 4] [--first 0] [--seed 1] [--only download]
 *
 * Needs Linux with user namespaces, `ip` of iproute2 and python3. The parameters follow from the seed; the packets are what
 * the kernel made of them and differ from run to run. Bounded: 40,000 packets and a few seconds a run.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { randomFrom, seedOf } from './random.ts'
import { SCENES } from './scenes.ts'

const INSIDE = 'WEAVE_INSIDE_NAMESPACE'

/** Runs this file again where the only network is a loopback of its own, with frames as long as Ethernet's. */
function enterNamespace(): never {
  const command = 'ip link set lo mtu 1500 up && exec "$@"'
  const args = [
    '--user',
    '--map-root-user',
    '--net',
    'sh',
    '-c',
    command,
    'sh',
    process.execPath,
    ...process.argv.slice(1),
  ]
  const { status, error } = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } })
  if (error !== undefined) throw error
  process.exit(status ?? 1)
}

/** The recorder as a child: one answer to each line. */
function startRecorder() {
  const child = spawn('python3', [new URL('record.py', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async (wanted: string): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true || !value.startsWith(wanted)) throw new Error(`Cannot record: it said ${value}, wanted ${wanted}`)
    return value
  }
  return {
    ready: () => answer('ready'),
    async start(path: string) {
      child.stdin.write(`start ${path}\n`)
      await answer('recording')
    },
    async stop(): Promise<{ frames: number; dropped: number }> {
      child.stdin.write('stop\n')
      const [, frames, dropped] = (await answer('stopped')).split(' ').map(Number)
      return { frames: frames!, dropped: dropped! }
    },
    end: () => child.stdin.end(),
  }
}

async function main(): Promise<void> {
  if (process.env[INSIDE] === undefined) enterNamespace()
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '4' },
      first: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      to: { type: 'string' },
    },
  })
  const first = Number(values.first)
  const folder = values.to ?? new URL('../../../../.cache/detector-data/flood/benign', import.meta.url).pathname
  mkdirSync(folder, { recursive: true })
  const recorder = startRecorder()
  await recorder.ready()
  for (const [kind, make] of Object.entries(SCENES)) {
    if (values.only !== undefined && values.only !== kind) continue
    for (let run = first; run < first + Number(values.runs); run++) {
      const name = `${kind}-${String(run).padStart(2, '0')}`
      const scene = make(randomFrom(seedOf(name, Number(values.seed))))
      await recorder.start(join(folder, `${name}.pcap`))
      await scene.play()
      const { frames, dropped } = await recorder.stop()
      const label = {
        family: kind,
        kind: 'benign',
        madeBy: 'sockets on the loopback of a network namespace',
        run,
        seed: Number(values.seed),
        parameters: { ...scene.parameters, frames, dropped },
      }
      writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(label, undefined, 2)}\n`)
      console.log(`${name}: ${frames} frames, ${dropped} dropped`)
    }
  }
  recorder.end()
}

await main()
