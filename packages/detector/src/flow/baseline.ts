/**
 * What is usual for a host: how fast its windows fill. Learns the logarithm of the rate, so that a quiet and a busy host
 * are measured alike. Bounded: the host that was seen longest ago is forgotten first.
 *
 * @module
 */

/** Windows before a host's own rate counts. */
const WARM = 16
/** Weight of a new window once warm; before, the plain mean. */
const WEIGHT = 1 / 32
/** Standard deviations over the mean, and at least this many doublings. */
const DEVIATIONS = 4
const MIN_DOUBLINGS = 2

interface Usual {
  windows: number
  mean: number
  variance: number
}

export interface Baselines {
  /** Learns a window that no rule fired on. `host`: any text that names it; `rate` in packets/s. */
  learn(host: string, rate: number): void
  /** The rate that the host is not known to reach; undefined while it is too new. */
  limit(host: string): number | undefined
}

/** @throws RangeError when `maxHosts` is not at least 1. */
export function rateBaselines(maxHosts = 65_536): Baselines {
  if (!(maxHosts >= 1)) throw new RangeError(`Cannot keep baselines: ${maxHosts} hosts, wanted at least 1`)
  const hosts = new Map<string, Usual>()
  return {
    learn(host, rate) {
      if (!(rate > 0)) return
      const usual = hosts.get(host) ?? { windows: 0, mean: 0, variance: 0 }
      hosts.delete(host)
      usual.windows++
      const weight = Math.max(WEIGHT, 1 / usual.windows)
      const apart = Math.log2(rate) - usual.mean
      usual.mean += weight * apart
      usual.variance = (1 - weight) * (usual.variance + weight * apart ** 2)
      hosts.set(host, usual)
      if (hosts.size > maxHosts) hosts.delete(hosts.keys().next().value!)
    },
    limit(host) {
      const usual = hosts.get(host)
      if (usual === undefined || usual.windows < WARM) return undefined
      return 2 ** (usual.mean + Math.max(MIN_DOUBLINGS, DEVIATIONS * Math.sqrt(usual.variance)))
    },
  }
}
