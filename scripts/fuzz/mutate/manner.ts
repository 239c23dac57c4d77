/**
 * How the bytes of a valid input are broken, by what they are.
 *
 * @module
 */
import type { Random } from '../random.ts'
import { breakBytes } from './bytes.ts'
import { breakJson } from './json.ts'
import { breakText } from './text.ts'
import { breakWire } from './wire.ts'

/** `bytes`: nothing is known of them. `wire`: Protobuf. `text`: lines. `json`: a JSON document. */
export type Manner = 'bytes' | 'wire' | 'text' | 'json'

type Break = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array

const BREAKS: Readonly<Record<Manner, readonly Break[]>> = {
  bytes: [breakBytes],
  wire: [breakBytes, breakWire, breakWire],
  text: [breakBytes, breakText, breakText],
  json: [breakBytes, breakText, breakJson, breakJson],
}

/** One to four changes, each of one kind. `others` is spliced from. */
export function mutate(manner: Manner, bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  let out = bytes
  for (let left = 1 + (random.chance(0.4) ? random.below(3) : 0); left > 0; left--) {
    out = random.pick(BREAKS[manner])(out, random, others)
  }
  return out
}
