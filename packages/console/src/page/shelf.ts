/**
 * What the user asked this browser to keep, by network: its keys, and what it has seen of the log. IndexedDB; key
 * objects go in and out as they are, their private halves are never bytes here.
 *
 * @module
 */
import type { Memory } from '@mystranet/sdk'
import type { BrowserKeys } from './identity.ts'

export interface Kept {
  readonly keys: BrowserKeys
  readonly memory: Memory
}

const STORE = 'kept'

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('weave', 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

async function once<T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: 'strict' })
      const request = run(transaction.objectStore(STORE))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onerror = transaction.onabort = () => reject(transaction.error)
    })
  } finally {
    database.close()
  }
}

/** Undefined when nothing was kept, or this browser keeps nothing at all (a private window, say). */
export const takeDown = async (network: string): Promise<Kept | undefined> =>
  once('readonly', (store) => store.get(network)).catch(() => undefined) as Promise<Kept | undefined>

/** Replaces what was kept. When it rejects, what was kept before still is. */
export const putUp = async (network: string, kept: Kept): Promise<void> => {
  await once('readwrite', (store) => store.put(kept, network))
}

export const forget = async (network: string): Promise<void> => {
  await once('readwrite', (store) => store.delete(network))
}
