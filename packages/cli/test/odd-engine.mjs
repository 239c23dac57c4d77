// An engine of `weave eval` that misbehaves as the content of its model file says.
import { readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'

const [model] = process.argv.slice(2)
const [start, then] = readFileSync(model, 'utf8').trim().split(' ')
const say = (word) => writeSync(3, typeof word === 'string' ? word : `${JSON.stringify(word)}\n`)
const facts = { engine: 'odd', runtime: 'odd 1', model: 'odd', threads: 1 }
const WORDS = {
  ready: () => say({ type: 'ready', facts }),
  text: () => say({ type: 'text', text: 'half an' }),
  finish: () => say({ type: 'finish', reason: 'stop', cpuSeconds: 1.5 }),
  error: () => say({ type: 'error', code: 'CONTEXT_OVERFLOW', message: 'too long' }),
  nonsense: () => say('{"type":"nonsense"}\n'),
  flood: () => {
    for (;;) say('x'.repeat(10_000))
  },
  die: () => {
    process.stderr.write('out of luck\n')
    process.exit(3)
  },
  // Says what its descriptors are of.
  descriptors: () => {
    const links = readdirSync('/proc/self/fd').map((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`)
      } catch {
        return 'gone'
      }
    })
    say({ type: 'error', code: 'ENGINE_FAILED', message: links.join(' ') })
  },
  babble: () => {
    writeSync(2, `${'a'.repeat(20_000)}${'z'.repeat(5_000)}`)
    process.exit(3)
  },
  hang: () => {},
}
WORDS[start]()
process.stdin.on('data', () => {
  for (const each of then.split('+')) WORDS[each]()
})
process.stdin.once('end', () => process.exit(0))
