/**
 * Work that is begun at once and judged in order.
 *
 * @module
 */

/**
 * The results of all, or the error of the first in the list that failed, whichever of them failed first in time: so what
 * is wrong does not depend on how fast it was found.
 */
export async function settled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}
