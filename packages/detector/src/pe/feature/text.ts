/**
 * Features of printable text in the file: runs of five or more characters from 0x20 to 0x7f.
 *
 * Source: the feature set's own table of patterns (EMBER version 3), mistakes kept: a model that was trained on it expects them.
 *
 * @module
 */
/** Key → what is searched. Text alone is searched as it is; `[text]` in any case. */
const PATTERNS: Readonly<Record<string, RegExp | string | readonly [string]>> = {
  url: /\b(?:http|https|ftp):\/\/[a-zA-Z0-9\-._~:?#[\]@!$&'()*+,;=]+/,
  ipv4_addr: /\b(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\b/,
  ipv6_addr:
    /\b(?:[A-Fa-f0-9]{1,4}:){7}[A-Fa-f0-9]{1,4}\b|\b(?:[A-Fa-f0-9]{1,4}:){1,7}:\b|\b:[A-Fa-f0-9]{1,4}(?::[A-Fa-f0-9]{1,4}){1,6}\b/,
  mac_addr: /\b(?:[0-9A-Fa-f]{2}[:-]){5}(?:[0-9A-Fa-f]{2})\b/,
  email_addr: /\b(?:[0-9A-Fa-f]{2}[:-]){5}(?:[0-9A-Fa-f]{2})\b/,
  btc_wallet: /[13][a-km-zA-HJ-NP-Z1-9]{25,34}/,
  file_path: /\bC:\//,
  dos_msg: '!This program ',
  registry_key: /\b(?:KHEY_|KHLM|HKCU)/,
  '/dev/': '/dev/',
  '/proc/': '/proc/',
  '/bin/': '/bin/',
  '/usr/': '/usr/',
  '/tmp/': '/tmp/',
  '/URI': '/URI',
  '/FlateDecode': '/FlateDecode',
  '/EmbeddedFile': '/EmbeddedFile',
  html: ['html'],
  javascript: ['javascript'],
  '<script': ['<script'],
  '.click(': /[^\n]click/i,
  onlick: ['onclick'],
  powershell: ['powershell'],
  'Invoke-Expression': 'Invoke-Expression',
  'Invoke-Command': 'Invoke-Command',
  'Start-process': 'Start-process',
  get: ['get /'],
  post: ['post /'],
  http: ['http/'],
  'http://': ['http://'],
  'https://': ['https://'],
  ftp: ['ftp:'],
  useragent: ['user-agent'],
  cookie: ['cookie'],
  internet: ['internet'],
  download: ['download'],
  connect: ['connect'],
  base64: ['base64'],
  base64string: /ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345678(?:9+)\//,
  crypt: 'crypt',
  encode: ['encode'],
  decode: ['decode'],
  ...Object.fromEntries(
    (
      'cache certificate clipboard command create debug delete desktop directory disk environment enum exit file hostname install ' +
      'hidden keyboard memory module mutex password privilege process remote resource security service shell snapshot system thread ' +
      'token wallet window'
    )
      .split(' ')
      .map((word) => [word, [word] as const]),
  ),
}

const NAMES: readonly string[] = Object.keys(PATTERNS).sort()
const CHEAP = NAMES.map((name) => PATTERNS[name] as RegExp | string | readonly [string])

/**
 * 177 numbers: how many strings, their mean length, their characters; the share of each of 96 characters; their entropy; strings
 * that match each of 77 patterns, by the order of their names.
 *
 * @param work Told how many characters were searched.
 */
export function textFeatures(bytes: Uint8Array, work: (amount: number) => void): Float64Array {
  const out = new Float64Array(177)
  const counts = new Float64Array(96)
  let strings = 0
  let characters = 0
  for (let start = 0; start < bytes.length; ) {
    let end = start
    while (end < bytes.length && (bytes[end] as number) >= 0x20 && (bytes[end] as number) <= 0x7f) end++
    if (end - start >= 5) {
      strings += 1
      characters += end - start
      work(end - start)
      const text = textOf(bytes, start, end)
      for (let at = start; at < end; at++) {
        const place = (bytes[at] as number) - 0x20
        counts[place] = (counts[place] as number) + 1
      }
      countPatterns(text, out)
    }
    start = end + 1
  }
  out[0] = strings
  out[1] = strings === 0 ? 0 : characters / strings
  out[2] = characters
  for (const [index, count] of counts.entries()) out[3 + index] = count / Math.max(characters, 1)
  out[99] = characterEntropy(counts, characters)
  return out
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at += 8_192)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 8_192, end)))
  return text
}

function countPatterns(text: string, out: Float64Array): void {
  const lower = text.toLowerCase()
  for (const [index, pattern] of CHEAP.entries()) {
    const isThere =
      typeof pattern === 'string'
        ? text.includes(pattern)
        : pattern instanceof RegExp
          ? pattern.test(text)
          : lower.includes(pattern[0])
    if (isThere) out[100 + index] = (out[100 + index] as number) + 1
  }
}

function characterEntropy(counts: Float64Array, total: number): number {
  let entropy = 0
  for (const count of counts) {
    if (count === 0) continue
    const share = Math.fround(count) / total
    entropy -= share * Math.log2(share)
  }
  return entropy
}
