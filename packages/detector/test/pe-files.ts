/**
 * The files that the golden vectors of vectors/pe/ember.json were computed over, by name.
 *
 * @module
 */
import { type PeGiven, peFile } from './pe-file.ts'

const noise = (length: number): Uint8Array => {
  const out = new Uint8Array(length)
  let state = 0x9e3779b9
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    out[at] = state >>> 24
  }
  return out
}

const KERNEL = { 'KERNEL32.dll': ['LoadLibraryA', 'GetProcAddress'] }
const FULL: PeGiven = {
  imports: { 'KERNEL32.dll': ['ExitProcess', 'CreateFileW', 7], 'WS2_32.dll': [1, 23, 4000], 'msvcrt.dll': ['printf'] },
  delayImports: true,
  exports: ['First', undefined, 'Third'],
  resources: true,
  relocations: true,
  tls: true,
  debug: true,
  rich: [
    [0x01046b74, 12],
    [0x00010000, 3],
  ],
  overlay: noise(3_000),
  text: 'http://example.org/a?b=c 192.168.0.1 User-Agent: x powershell Invoke-Command HKCU\\Software fe80::1 C:/temp 00:11:22:33:44:55 /bin/sh onclick',
}

const GIVEN: Readonly<Record<string, PeGiven>> = {
  plain: {},
  'plain-64': { isWide: true },
  full: FULL,
  'full-64': { ...FULL, isWide: true, loadConfig: true },
  dll: { exports: ['A', 'B', 'A'], characteristics: 0x2102, relocations: true },
  packed: { imports: KERNEL, codeFlags: 0xe0000020, codeName: 'UPX0', overlay: noise(20_000) },
  'rich-malformed': { rich: 'malformed' },
  'low-alignment': { sectionAlignment: 0x200, fileAlignment: 0x20, imports: KERNEL },
  'alignment-no-power': { fileAlignment: 0x300 },
  'entry-outside': { optional: [[16, 4, 0x90000]] },
  'entry-in-headers': { optional: [[16, 4, 0x10]] },
  'few-directories': { directoryCount: 3, imports: KERNEL, exports: ['X'] },
  'many-directories': { directoryCount: 16, optional: [[92, 4, 0x7fffffff]] },
  'magic-unknown': { optional: [[0, 2, 0x777]], imports: KERNEL },
  'imports-nowhere': { optional: [[104, 4, 0x7ffffff0]] },
  'exports-nowhere': { optional: [[96, 4, 0x7ffffff0]] },
  'resources-nowhere': { optional: [[112, 4, 0x7ffffff0]] },
  'relocations-outside': { relocations: true, optional: [[56, 4, 0x800]] },
  'section-huge': { patch: [[0x80 + 24 + 224 + 8, [0, 0, 0, 0x20]]] },
  'section-null': { patch: [[0x80 + 24 + 224 + 40, new Array<number>(40).fill(0)]] },
  'name-not-utf8': { patch: [[0x80 + 24 + 224, [0xff, 0x41, 0xc3, 0x84, 0x80, 0, 0x42, 0]]] },
  arm64: { isWide: true, machine: 0xaa64, optional: [[68, 2, 10]] },
}

export const PE_FILES: ReadonlyMap<string, Uint8Array<ArrayBuffer>> = new Map([
  ...Object.entries(GIVEN).map(([name, given]) => [name, peFile(given)] as const),
  ['cut-in-optional', peFile(FULL).slice(0, 0x118 + 60)],
  ['cut-after-subsystem', peFile(FULL).slice(0, 0x118 + 80)],
  ['cut-in-directories', peFile(FULL).slice(0, 0x118 + 101)],
  ['cut-in-section-table', peFile(FULL).slice(0, 0x118 + 224 + 50)],
  ['no-pe', new TextEncoder().encode('MZ, and nothing that follows from it: no PE file at all. '.repeat(60))],
  ['short', Uint8Array.of(77, 90, 1)],
])
