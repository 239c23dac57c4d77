/**
 * The proxy's bearer token.
 *
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { secretFile } from '../state.ts'

/** The token in a file; made when it is first asked for. 256 random bits. */
export const proxyToken = (path: string): Promise<string> =>
  secretFile(path, () => `weave-${randomBytes(32).toString('base64url')}`)

/** Compares in a time that tells nothing of either. */
export const sameToken = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

const digest = (text: string) => createHash('sha256').update(text).digest()
