/**
 * Plays runs against the router's HTTP interface on loopback and keeps what its watch was told:
 *
 *     node --conditions=@mystranet/source packages/detector/training/generate/l7/run.ts FOLDER [SEED]
 *
 * FOLDER gets, of each run, `NAME.ndjson` (records and sweeps) and `NAME.json` (seed, parameters and when the attack began):
 * labels. Runs that are there already are left alone. Takes about 10 minutes; 5 runs at a time.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { randomFrom, seedOf } from '../random.ts'
import { ATTACKS } from './attack.ts'
import { type Parameters, PERSONAS } from './benign.ts'
import type { Stage } from './visitor.ts'

const [, , folder, seedText = '5'] = process.argv
if (folder === undefined) throw new RangeError('Cannot play: no folder given, wanted one for the runs')
const SERVER = fileURLToPath(new URL('../../../../router/bench/observed.ts', import.meta.url))
const AT_ONCE = 5
const BENIGN_MS = 32_000
const QUIET_MS = 4_000
const ATTACK_MS = 17_000
const SPLITS = { fit: { benign: 14, attack: 6 }, calibrate: { benign: 10, attack: 3 }, test: { benign: 20, attack: 8 } }

type Split = keyof typeof SPLITS
interface Run {
  readonly name: string
  readonly split: Split
  readonly at: number
  readonly attack: string | undefined
}

/** Attacks of fit and calibration share their parameters' values, not their runs; those of the test are its own. */
const runs: Run[] = (Object.keys(SPLITS) as Split[]).flatMap((split) => [
  ...Array.from({ length: SPLITS[split].benign }, (_, at) => ({
    name: `${split}-benign-${at}`,
    split,
    at,
    attack: undefined,
  })),
  ...Object.keys(ATTACKS).flatMap((attack) =>
    Array.from({ length: SPLITS[split].attack }, (_, at) => ({ name: `${split}-${attack}-${at}`, split, at, attack })),
  ),
])

async function play({ name, split, at, attack }: Run): Promise<void> {
  const random = randomFrom(Math.imul(seedOf(name, Number(seedText)), 0x9e3779b1))
  const isUnseen = split === 'test'
  const records = join(folder!, `${name}.ndjson`)
  const server = spawn(process.execPath, ['--conditions=@mystranet/source', SERVER, `${records}.part`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  const ending = new AbortController()
  const stage: Stage = { url: new URL(line.toString().trim()), random, signal: ending.signal }
  // Two personas of a benign run and one of an attack's are always there; others come by chance.
  const wanted = Object.keys(PERSONAS).filter(() => random.chance(attack === undefined ? 0.5 : 0.25))
  if (!wanted.includes('interactive')) wanted.push('interactive')
  const chosen = wanted.map((persona) => ({ persona, parameters: PERSONAS[persona]!.parameters(random, isUnseen, at) }))
  const playing = chosen.map(({ persona, parameters }) => PERSONAS[persona]!.play(stage, parameters))
  const restarts = attack === undefined && random.chance(0.3)
  let attackStartMs: number | undefined
  let attackParameters: Parameters | undefined
  if (attack === undefined) {
    await pause(BENIGN_MS / 2)
    if (restarts) server.kill('SIGUSR2')
    await pause(BENIGN_MS / 2)
  } else {
    await pause(QUIET_MS)
    attackStartMs = Date.now()
    attackParameters = ATTACKS[attack]!.parameters(random, isUnseen, at)
    playing.push(ATTACKS[attack]!.play(stage, attackParameters))
    await pause(ATTACK_MS)
  }
  const endMs = Date.now()
  ending.abort()
  await Promise.all(playing)
  server.kill('SIGTERM')
  await once(server, 'exit')
  renameSync(`${records}.part`, records)
  const label = {
    name,
    split,
    attack,
    seed: Number(seedText),
    attackStartMs,
    endMs,
    attackParameters,
    restarts,
    personas: chosen,
  }
  writeFileSync(join(folder!, `${name}.json`), `${JSON.stringify(label)}\n`)
}

mkdirSync(folder, { recursive: true })
const left = runs.filter(({ name }) => !existsSync(join(folder, `${name}.json`)))
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let run = left.shift(); run !== undefined; run = left.shift()) {
      await play(run)
      console.log(run.name, left.length, 'left')
    }
  }),
)
process.exit(0)
