/**
 * Bytes per answer: the mean of their logarithms over an hour against that of the last days.
 *
 * @module
 */

export const ANSWER_SIZE_SCORE = 6
const WINDOW = 6
/** Answers that the mean remembers, and hours that its wobble does. */
const MEMORY = 20_000
const HOURS = 300
const MIN_ANSWERS = 12

export interface AnswerSizes {
  answer(bytes: number): void
  /** A bucket is over. @returns What stands out, or undefined. */
  bucket(isWarm: boolean): Readonly<Record<string, number>> | undefined
}

export function answerSizes(): AnswerSizes {
  let [sum, count] = [0, 0]
  let [mean, variance, seen] = [0, 4, 0]
  /** Of hourly scores: what is more than chance. */
  let [inflation, hours] = [1, 0]
  const recent: { sum: number; count: number }[] = []
  return {
    answer(bytes) {
      sum += Math.log2(Math.max(1, bytes))
      count++
    },
    bucket(isWarm) {
      recent.push({ sum, count })
      if (recent.length > WINDOW) recent.shift()
      const hour = recent.reduce((all, each) => ({ sum: all.sum + each.sum, count: all.count + each.count }))
      const score =
        hour.count < MIN_ANSWERS || seen < 500
          ? 0
          : (hour.sum / hour.count - mean) / Math.sqrt((variance * Math.max(1, inflation)) / hour.count)
      if (hour.count >= MIN_ANSWERS && seen >= 500) {
        hours = Math.min(hours + 1, HOURS)
        inflation += (Math.min(score ** 2 * Math.max(1, inflation), 9) - inflation) / hours
      }
      const isOdd = isWarm && Math.abs(score) >= ANSWER_SIZE_SCORE
      if (count > 0 && !isOdd) {
        seen = Math.min(seen + count, MEMORY)
        const own = sum / count
        const weight = count / seen
        variance += weight * (Math.min(16, (own - mean) ** 2 * count) - variance)
        mean += weight * (own - mean)
      }
      sum = 0
      count = 0
      if (!isOdd) return undefined
      return {
        score: Math.round(score * 10) / 10,
        answers: hour.count,
        meanBytes: Math.round(2 ** (hour.sum / hour.count)),
        usualBytes: Math.round(2 ** mean),
      }
    },
  }
}
