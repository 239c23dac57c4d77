/** A run that a test kills: `battery-run.ts JOURNAL DELAY_MS`. */
import { openJournalFile } from '../src/adapters/node/journal-file.ts'
import { createBattery } from '../src/prompt/battery.ts'
import { runBattery } from '../src/prompt/run.ts'
import { scriptedTarget } from './scripted-target.ts'

const [path = '', delayMs = '0'] = process.argv.slice(2)
const battery = await createBattery({ limit: 2 })
const target = scriptedTarget({ delayMs: Number(delayMs) })
await runBattery({ battery, target, subject: { model: 'm' }, journal: await openJournalFile(path) })
