/**
 * What a scan of a PE file looks for. Odd is not malware: a finding here changes no verdict but the first's.
 *
 * @module
 */
import type { Warning } from './parse/warning.ts'

export type PeSeverity = 'high' | 'medium' | 'low'

export interface PeCheck {
  readonly name: string
  readonly severity: PeSeverity
  readonly about: string
  /** What of the parser belongs to it. */
  readonly warnings?: RegExp
}

export const PE_CHECKS = {
  P00: {
    name: 'malware-header',
    severity: 'high',
    about:
      'The header is like those of malware: what the model says, from a threshold that one benign header in a thousand reaches.',
  },
  P01: {
    name: 'entry-point',
    severity: 'medium',
    about: 'The entry point lies where no code is expected.',
    warnings: /^entry-/,
  },
  P02: {
    name: 'writable-code',
    severity: 'medium',
    about: 'A section can be written and executed, as self-unpacking programs need it.',
    warnings: /^section-writable-executable$/,
  },
  P03: {
    name: 'sections',
    severity: 'low',
    about: 'A section or an alignment is not as a linker makes it.',
    warnings: /^(section-(?!writable)|too-many-sections|file-alignment)/,
  },
  P04: {
    name: 'imports',
    severity: 'low',
    about: 'The imports are damaged or endless.',
    warnings: /^(import-|imports-too|delay-import|bound-import)/,
  },
  P05: {
    name: 'few-imports',
    severity: 'medium',
    about: 'Few functions are imported, and two of them load others by name, as a packer needs it.',
    warnings: /^imports-like-packed$/,
  },
  P06: { name: 'exports', severity: 'low', about: 'The exports are damaged or repeat.', warnings: /^export/ },
  P07: {
    name: 'resources',
    severity: 'low',
    about: 'The resources are damaged, endless or larger than the file.',
    warnings: /^(resource|pascal)/,
  },
  P08: {
    name: 'relocations',
    severity: 'low',
    about: 'The relocations are damaged or overlap.',
    warnings: /^relocation/,
  },
  P09: {
    name: 'directories',
    severity: 'low',
    about: 'A smaller directory (TLS, debug, load configuration) is damaged.',
    warnings: /^(tls|debug|load-config|directory-failed|too-many-directories)/,
  },
  P10: {
    name: 'rich-header',
    severity: 'low',
    about: 'The rich header is not as Visual Studio writes it.',
    warnings: /^rich-/,
  },
  P11: {
    name: 'one-byte',
    severity: 'low',
    about: 'One byte value makes up much of the file.',
    warnings: /^byte-dominates$/,
  },
  P12: {
    name: 'cut-off',
    severity: 'low',
    about: 'A structure ends with the file, or says it is of no known kind.',
    warnings: /^(corrupt-structure|optional-magic)/,
  },
  P13: { name: 'overlay', severity: 'low', about: 'The file goes on after all that its headers speak of.' },
  P14: { name: 'signature-place', severity: 'medium', about: 'The certificate table lies outside the file.' },
} as const satisfies Record<string, PeCheck>

export type PeCheckId = keyof typeof PE_CHECKS

export const PE_CHECK_IDS = Object.keys(PE_CHECKS) as readonly PeCheckId[]

/** Warning → the check that it belongs to. */
export const checkOf = (warning: Warning): PeCheckId | undefined =>
  PE_CHECK_IDS.find((id) => (PE_CHECKS[id] as PeCheck).warnings?.test(warning))
