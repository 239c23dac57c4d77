/**
 * JSON text from outside: what `JSON.parse` takes, less what it lets through in silence. A look over the text comes
 * first, so that what is parsed then is small but for one long string.
 *
 * @module
 */
import { PacketError } from '../errors.ts'

/** A packet nests three deep: object, list, object. */
const MAX_DEPTH = 4
/** Brackets, commas and colons outside of strings; the largest packet has about 150. */
const MAX_MARKS = 1_000
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * The value of a JSON text.
 *
 * @param text Attacker-controlled; its length is for the caller to bound.
 * @throws {PacketError} `PACKET_MALFORMED`: it is no JSON, a name stands twice in an object, it nests or branches more
 *   than any packet does.
 */
export function parseJsonText(text: string): unknown {
  lookOver(text)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw malformed('it is no JSON', cause)
  }
}

/** What is no JSON at all may pass; `JSON.parse` finds it. */
function lookOver(text: string): void {
  /** Names of each open object; undefined for an open list. */
  const open: (Set<string> | undefined)[] = []
  let marks = 0
  let last = ''
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) === QUOTE) {
      const end = endOfString(text, at)
      last = text.slice(at, end + 1)
      at = end
      continue
    }
    const char = text[at] as string
    if (!'{}[]:,'.includes(char)) continue
    if (++marks > MAX_MARKS) throw malformed('it has more parts than any packet')
    if (char === '{' || char === '[') open.push(char === '{' ? new Set() : undefined)
    else if (char === '}' || char === ']') open.pop()
    else if (char === ':') addName(open.at(-1), last)
    if (open.length > MAX_DEPTH) throw malformed('it nests deeper than any packet')
  }
}

/** Where the string that begins at `start` ends. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at)
    if (at === -1) throw malformed('a string has no end')
    let escapes = 0
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++
    if (escapes % 2 === 0) return at
  }
}

function addName(names: Set<string> | undefined, literal: string): void {
  if (names === undefined) return
  let name = literal
  try {
    // Two spellings of one name are one name.
    name = String(JSON.parse(literal))
  } catch {
    // No JSON: the whole text will not parse.
  }
  if (names.size === names.add(name).size) throw malformed(`the name ${JSON.stringify(name.slice(0, 40))} stands twice`)
}

const malformed = (why: string, cause?: unknown) =>
  new PacketError('PACKET_MALFORMED', `Cannot read the packet's JSON: ${why}`, { cause })
