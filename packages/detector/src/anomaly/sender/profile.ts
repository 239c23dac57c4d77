/**
 * What is usual for one sender: hours, rates, targets, sizes, rhythm.
 *
 * @module
 */
import { BUCKET_MS, DAY_MS, HOUR_MS } from '../rate/seasonal.ts'
import { BEACON_TIMES, findPeriod } from './beacon.ts'

/** Thresholds, set on the tuning seeds. */
export const SENDER = {
  burst: { minBucket: 40, minHour: 80, timesTop: 3 },
  fanOut: { minTargets: 8, timesTop: 2 },
  oddHours: { minDays: 10, minRequests: 60, minHours: 30, minCount: 5, maxShare: 0.03, sharePerRequest: 0.002 },
  constantSize: { window: 128, minSame: 20, minSlots: 12, maxShare: 0.05 },
} as const

export type SenderPattern = 'sender-burst' | 'beacon' | 'fan-out' | 'odd-hours' | 'constant-size'

export interface SenderRequest {
  readonly timeMs: number
  /** Tag or instance, as text. */
  readonly target: string | undefined
  readonly bytes: number | undefined
}

/** What senders of this network reach at most: the measure for one of whom nothing is known. */
export interface Population {
  bucket: number
  hour: number
  targets: number
}

export type OnPattern = (pattern: SenderPattern, evidence: Readonly<Record<string, string | number>>) => void

export interface Profile {
  /** @param isWarm Alarms are due; before, all that is seen is usual. */
  request(request: SenderRequest, isWarm: boolean, onPattern: OnPattern): void
}

const MAX_TARGETS = 64
const SIZES = 40
/** What is usual fades: half of it in 30 days. */
const FADE_PER_DAY = 0.5 ** (1 / 30)
/** Requests between two looks for a rhythm. */
const LOOK_EVERY = 20
const MAX_PERIODS = 8
/** Hours around one that speak for it. */
const NEAR_HOURS = 2
/** Those two hours away speak less: an evening thins out. */
const FAR_WEIGHT = 0.3
/** Of an hour that was odd so much is learned. */
const ODD_WEIGHT = 0.25
/** A run of requests is learned from after so many hours at the latest. */
const MAX_RUN_HOURS = 6
/** A sender is known after so long and so many requests. */
const KNOWN_MS = 3 * DAY_MS
const KNOWN_REQUESTS = 50

/** @param cellOf Place of a time in the week, 0 to 47. */
export function senderProfile(population: Population, cellOf: (timeMs: number) => number): Profile {
  const rates = usualRates(population)
  const hours = usualHours(cellOf)
  const sizes = usualSizes()
  const rhythm = usualRhythm()
  return {
    request(request, isWarm, onPattern) {
      const tell: OnPattern = isWarm ? onPattern : () => {}
      rates(request, isWarm, tell)
      hours(request, tell)
      if (request.bytes !== undefined) sizes(request.bytes, request.timeMs, tell)
      rhythm(request.timeMs, isWarm, tell)
    },
  }
}

/** How much in ten minutes and in an hour, and to how many targets. */
function usualRates(population: Population) {
  const top = { bucket: 0, hour: 0, targets: 0 }
  let [bucket, bucketCount, hour, hourCount, day] = [0, 0, 0, 0, 0]
  let firstMs: number | undefined
  let requests = 0
  const targets = new Set<string>()
  /** Learns what was, up to what is an alarm: a flood does not make the next one usual. */
  const learn = (name: keyof Population, value: number, limit: number) => {
    top[name] = Math.max(top[name], Math.min(value, limit))
    population[name] = Math.max(population[name], top[name])
  }
  return ({ timeMs, target }: SenderRequest, isWarm: boolean, tell: OnPattern) => {
    firstMs ??= timeMs
    const isKnown = ++requests > KNOWN_REQUESTS && timeMs > firstMs + KNOWN_MS
    const own = isKnown ? top : population
    const { burst, fanOut } = SENDER
    const limits = {
      bucket: Math.max(burst.minBucket, burst.timesTop * own.bucket),
      hour: Math.max(burst.minHour, burst.timesTop * own.hour),
      targets: Math.max(fanOut.minTargets, fanOut.timesTop * own.targets),
    }
    const most = (name: keyof Population) => (isWarm ? limits[name] / 2 : Number.POSITIVE_INFINITY)
    const [thisBucket, thisHour, thisDay] = [BUCKET_MS, HOUR_MS, DAY_MS].map((ms) => Math.floor(timeMs / ms)) as [
      number,
      number,
      number,
    ]
    if (thisBucket !== bucket) {
      learn('bucket', bucketCount, most('bucket'))
      bucket = thisBucket
      bucketCount = 0
    }
    if (thisHour !== hour) {
      learn('hour', hourCount, most('hour'))
      learn('targets', targets.size, most('targets'))
      hour = thisHour
      hourCount = 0
      targets.clear()
    }
    if (thisDay !== day) {
      for (const name of ['bucket', 'hour', 'targets'] as const) top[name] *= FADE_PER_DAY
      day = thisDay
    }
    bucketCount++
    hourCount++
    if (target !== undefined && targets.size < MAX_TARGETS) targets.add(target)
    if (bucketCount >= limits.bucket || hourCount >= limits.hour) {
      tell('sender-burst', {
        inTenMinutes: bucketCount,
        inTheHour: hourCount,
        worstTenMinutes: Math.round(own.bucket),
        worstHour: Math.round(own.hour),
      })
    }
    if (targets.size >= limits.targets)
      tell('fan-out', { targetsInTheHour: targets.size, mostBefore: Math.round(own.targets) })
  }
}

/** When. An hour counts by the days on which it was used, not by requests: one long night is one night. */
function usualHours(cellOf: (timeMs: number) => number) {
  const days = new Float64Array(48)
  /** Cells of the run that is on: it is not its own measure. */
  const pending: number[] = []
  let [activeDays, requests] = [0, 0]
  let [day, hour, inRun] = [0, -1, 0]
  let [shareNow, wasTold, lastMs] = [1, false, 0]
  const share = (cell: number) => {
    const all = days.reduce((sum, each) => sum + each, 0)
    if (all < SENDER.oddHours.minHours) return 1
    const base = cell < 24 ? 0 : 24
    let near = 0
    // The hours around, on days of both kinds: days off are too few to tell alone.
    for (let apart = -NEAR_HOURS; apart <= NEAR_HOURS; apart++) {
      const at = (((cell - base + apart) % 24) + 24) % 24
      const weight = Math.abs(apart) < 2 ? 1 : FAR_WEIGHT
      near += weight * ((days[base + at] as number) + (days[24 - base + at] as number))
    }
    return near / all
  }
  /** What was odd is learned in part: one night does not make the next one usual, a change that stays does. */
  const learn = () => {
    for (const cell of pending) days[cell] = (days[cell] as number) + (wasTold ? ODD_WEIGHT : 1)
    pending.length = 0
  }
  const turn = (timeMs: number) => {
    const today = Math.floor(timeMs / DAY_MS)
    if (today === day) return
    day = today
    activeDays++
    for (let i = 0; i < 48; i++) days[i] = (days[i] as number) * FADE_PER_DAY
  }
  return ({ timeMs }: SenderRequest, tell: OnPattern) => {
    turn(timeMs)
    // What goes on from a usual hour is a long evening.
    const goesOn = timeMs < lastMs + HOUR_MS / 2
    if (!goesOn || pending.length >= MAX_RUN_HOURS) learn()
    if (!goesOn) {
      inRun = 0
      wasTold = false
    }
    const thisHour = Math.floor(timeMs / HOUR_MS)
    const cell = cellOf(timeMs)
    const { minDays, minRequests, minCount, maxShare, sharePerRequest } = SENDER.oddHours
    if (thisHour !== hour || !goesOn) {
      const isKnown = activeDays > minDays && requests >= minRequests
      shareNow = isKnown && (!goesOn || shareNow <= maxShare) ? share(cell) : 1
    }
    if (thisHour !== hour) {
      hour = thisHour
      pending.push(cell)
    }
    lastMs = timeMs
    requests++
    inRun++
    if (wasTold || inRun < minCount || shareNow > Math.min(maxShare, sharePerRequest * inRun)) return
    wasTold = true
    tell('odd-hours', { hour: cell % 24, requests: inRun, daysKnown: activeDays })
  }
}

/** Sizes that differ by less than this power of two are one. */
const SIZE_STEP = 1 / 16

/** How large: the share of each size, against the last requests. A long conversation has one size too, but not for hours. */
function usualSizes() {
  const shares = new Map<number, number>()
  const recent: { readonly size: number; readonly slot: number }[] = []
  let all = 0
  return (bytes: number, timeMs: number, tell: OnPattern) => {
    const size = Math.round(Math.log2(Math.max(1, bytes)) / SIZE_STEP)
    recent.push({ size, slot: Math.floor(timeMs / BUCKET_MS) })
    const { window, minSame, minSlots, maxShare } = SENDER.constantSize
    if (recent.length > window) {
      // Learned once it leaves the window: what is judged is not its own measure.
      const left = (recent.shift() as { size: number }).size
      if (shares.has(left) || shares.size < SIZES) shares.set(left, (shares.get(left) ?? 0) + 1)
      all++
    }
    const share = ((shares.get(size) ?? 0) + 0.5) / (all + 1)
    if (share > maxShare) return
    const same = recent.filter((each) => each.size === size)
    const slots = new Set(same.map(({ slot }) => slot)).size
    // As much of other sizes must be known, or nothing is unusual.
    if (same.length < minSame || slots < minSlots || all + recent.length - same.length < minSame) return
    tell('constant-size', { bytes, same: same.length, of: recent.length, shareBefore: Math.round(share * 1e4) / 1e4 })
  }
}

/** In which rhythm. A rhythm that was there while the watch warmed up is the sender's own. */
function usualRhythm() {
  const times: number[] = []
  const known: number[] = []
  let sinceLook = 0
  return (timeMs: number, isWarm: boolean, tell: OnPattern) => {
    times.push(timeMs)
    if (times.length > BEACON_TIMES) times.shift()
    if (++sinceLook < LOOK_EVERY) return
    sinceLook = 0
    const period = findPeriod(times)
    if (period === undefined) return
    // Twice and thrice a period are the same rhythm.
    const isKnown = known.some((each) => {
      const times = period.periodMs / each
      return Math.abs(times - Math.round(times)) < 0.15 * Math.max(1, times) && times > 0.85
    })
    if (isKnown) return
    known.push(period.periodMs)
    if (known.length > MAX_PERIODS) known.shift()
    if (isWarm)
      tell('beacon', {
        periodSeconds: Math.round(period.periodMs / 1_000),
        requests: times.length,
        chain: period.chain,
      })
  }
}
