/**
 * Encodings by which a prompt hides its question, and an answer its secret. Each is a pair of inverses over the characters that
 * canaries are made of; `decode` takes any text and gives every reading of it.
 *
 * @module
 */

export interface Encoding {
  readonly name: string
  encode(text: string): string
  /** Readings of an answer; none when nothing in it looks like this encoding. Cost: linear. */
  decode(text: string): readonly string[]
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: readonly number[]) => new TextDecoder().decode(Uint8Array.from(bytes))
const runs = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([run]) => run)

const rot13 = (text: string) =>
  text.replace(/[a-z]/gi, (letter) => {
    const base = letter <= 'Z' ? 65 : 97
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base)
  })

const LEET: Readonly<Record<string, string>> = { a: '4', e: '3', i: '1', o: '0', s: '5', t: '7' }
const UNLEET = Object.fromEntries(Object.entries(LEET).map(([letter, digit]) => [digit, letter]))

const MORSE_TABLE =
  'A.- B-... C-.-. D-.. E. F..-. G--. H.... I.. J.--- K-.- L.-.. M-- N-. O--- P.--. Q--.- R.-. S... T- U..- V...- W.-- ' +
  'X-..- Y-.-- Z--.. 0----- 1.---- 2..--- 3...-- 4....- 5..... 6-.... 7--... 8---.. 9----.'
const MORSE = new Map(MORSE_TABLE.split(' ').map((row) => [row.slice(0, 1), row.slice(1)]))
const UNMORSE = new Map([...MORSE].map(([letter, code]) => [code, letter]))

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
const NATO =
  'Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey Xray Yankee Zulu'.split(
    ' ',
  )

function decodeBase64(run: string): string[] {
  const plain = run.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  try {
    const binary = atob(plain.slice(0, plain.length - (plain.length % 4 === 1 ? 1 : 0)))
    return [textOf([...binary].map((each) => each.charCodeAt(0)))]
  } catch {
    return []
  }
}

const numbersIn = (text: string, pattern: RegExp, radix: number): string[] =>
  runs(text, pattern).map((run) => textOf((run.match(/[0-9a-f]+/gi) ?? []).map((each) => Number.parseInt(each, radix))))

/** Of two readings for a digit, both: a canary has digits of its own, which leetspeak does not touch on the way there. */
const unleet = (text: string) => text.replace(/[013457]/g, (digit) => UNLEET[digit] ?? digit)

export const ENCODINGS: readonly Encoding[] = [
  {
    name: 'base64',
    encode: (text) => btoa(String.fromCharCode(...bytesOf(text))),
    decode: (text) => runs(text, /[A-Za-z0-9+/_-]{8,}={0,2}/g).flatMap(decodeBase64),
  },
  {
    name: 'hex',
    encode: (text) => [...bytesOf(text)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    decode: (text) =>
      runs(text, /(?:(?:0x|\\x)?[0-9a-f]{2}[ ,:]{0,2}){6,}/gi).map((run) =>
        textOf((run.replace(/0x|\\x/gi, '').match(/[0-9a-f]{2}/gi) ?? []).map((each) => Number.parseInt(each, 16))),
      ),
  },
  {
    name: 'binary',
    encode: (text) => [...bytesOf(text)].map((byte) => byte.toString(2).padStart(8, '0')).join(' '),
    decode: (text) => numbersIn(text, /(?:[01]{8}[ ,]{0,2}){6,}/g, 2),
  },
  {
    name: 'character codes',
    encode: (text) => [...bytesOf(text)].join(' '),
    decode: (text) => numbersIn(text, /(?:\b\d{2,3}[ ,]{0,2}){6,}/g, 10),
  },
  { name: 'rot13', encode: rot13, decode: (text) => [rot13(text)] },
  {
    name: 'reversed',
    encode: (text) => [...text].reverse().join(''),
    decode: (text) => [[...text].reverse().join('')],
  },
  {
    name: 'leetspeak',
    encode: (text) => text.replace(/[aeiost]/gi, (letter) => LEET[letter.toLowerCase()] ?? letter),
    decode: (text) => [unleet(text)],
  },
  {
    name: 'URL encoding',
    encode: (text) => [...bytesOf(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    decode: (text) =>
      runs(text, /(?:%[0-9a-f]{2}|[A-Za-z0-9_.~-]){6,}/gi).map((run) =>
        run.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
      ),
  },
  {
    name: 'Morse code',
    encode: (text) => [...text.toUpperCase()].map((each) => MORSE.get(each) ?? '/').join(' '),
    decode: (text) =>
      runs(text, /[.\-–−·/| ]{12,}/g).map((run) =>
        run
          .replace(/[–−]/g, '-')
          .replaceAll('·', '.')
          .split(/[ /|]+/)
          .map((code) => UNMORSE.get(code) ?? '')
          .join(''),
      ),
  },
  {
    name: 'spelling alphabet',
    encode: (text) =>
      [...text.toUpperCase()]
        .map((each) => NATO.find((word) => word.startsWith(each)) ?? DIGITS[Number.parseInt(each, 10)] ?? 'dash')
        .join(' '),
    decode: (text) => [initials(text)],
  },
]

/** First letters of words, number words as digits, digits as they are; the names of dashes and spaces left out. */
function initials(text: string): string {
  return runs(text, /[A-Za-z]+|\d/g)
    .filter((word) => !/^(dash|hyphen|space|minus)$/i.test(word))
    .map((word) => {
      const digit = DIGITS.indexOf(word.toLowerCase())
      return digit >= 0 ? String(digit) : word.slice(0, 1)
    })
    .join('')
}
