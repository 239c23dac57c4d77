// A child that speaks the link's first words, and does what the environment says.
import { appendFileSync } from 'node:fs'

appendFileSync(process.env.WING_JOURNAL, 'born\n')
process.on('disconnect', () => process.exit(0))
if (process.env.WING_DOES === 'config') {
  process.stderr.write('wing: WING_X is absent, wanted a wing\n')
  process.exit(2)
}
if (process.env.WING_DOES === 'stillborn') process.exit(1)
process.send({ type: 'hello', instance: new Uint8Array(32).fill(7), slots: 1, models: ['wing'] })
process.on('message', (message) => {
  if (message.type === 'drain') process.exit(3)
})
if (process.env.WING_DOES === 'lingers') process.on('SIGTERM', () => {})
setInterval(() => {}, 1_000)
