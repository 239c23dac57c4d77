import type { RunProgress } from '@mystranet/detector/prompt/run'
import type { Terminal } from '../terminal.ts'

const BAR_WIDTH = 24
/** So few answers tell nothing of the time that the rest takes. */
const LEAST_TIMED = 5

/** How far a battery is, on stderr: a bar with the time left; where nobody looks, a line for each family. */
export function evalProgress({ isInteractive, err }: Terminal, now: () => number = Date.now) {
  const startedMs = now()
  let family = ''
  const left = ({ done, total, resumed }: RunProgress): string => {
    const answered = done - resumed
    if (answered < LEAST_TIMED || done === total) return ''
    const seconds = Math.round((((now() - startedMs) / answered) * (total - done)) / 1_000)
    return `, about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} left`
  }
  return {
    show(progress: RunProgress): void {
      const { done, total, item } = progress
      const text = `${done} of ${total}${left(progress)}`
      if (isInteractive) {
        const full = Math.round((done / Math.max(1, total)) * BAR_WIDTH)
        err(`\r\u001b[K  ${item.family} ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${text}`)
      } else if (item.family !== family || done === total) err(`  ${done === total ? 'done' : item.family}: ${text}\n`)
      family = item.family
    },
    end(): void {
      if (isInteractive && family !== '') err('\n')
    },
  }
}
