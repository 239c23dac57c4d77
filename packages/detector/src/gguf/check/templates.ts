/**
 * The chat templates of a file: G18, G23, G24.
 *
 * @module
 */
import type { CheckId } from '../checks.ts'
import { type Sheet, short } from '../finding.ts'
import type { GgufEntry, GgufHeader } from '../parse/header.ts'
import { codeFaults, type TemplateFault } from '../template/code.ts'
import { expansionFaults } from '../template/expansion.ts'
import { constantsOf } from '../template/fold.ts'
import { hasKnownTemplate, knownTemplate, templateHash } from '../template/known.ts'
import { poisonFaults } from '../template/poison.ts'
import { syntaxOf } from '../template/syntax.ts'

/** What a scan says of a template, besides its findings. */
export interface TemplateReport {
  readonly key: string
  readonly bytes: number
  /** Of the normalised text, in hex. */
  readonly sha256: string
  /** The publisher's model that has exactly this template. */
  readonly known?: string
}

const MAX_TEMPLATE_BYTES = 256 * 1024

export async function checkTemplates({ entries }: GgufHeader, sheet: Sheet): Promise<readonly TemplateReport[]> {
  sheet.run('G18', 'G23', 'G24')
  const reports: TemplateReport[] = []
  for (const entry of entries.values()) {
    if (!/^tokenizer\.chat_template(\.|$)/.test(entry.key) || typeof entry.value !== 'string') continue
    reports.push(await checkTemplate(entry, entry.value, entries, sheet))
  }
  return reports
}

async function checkTemplate(
  { key, offset }: GgufEntry,
  template: string,
  entries: GgufHeader['entries'],
  sheet: Sheet,
): Promise<TemplateReport> {
  const sha256 = await templateHash(template)
  const known = knownTemplate(sha256)
  const note = (id: CheckId, faults: readonly TemplateFault[]) => {
    const said = new Set<string>()
    for (const { severity, message } of faults) {
      if (said.has(message)) continue
      said.add(message)
      sheet.found(id, offset, message, { severity, subject: short(key) })
    }
  }
  const bytes = new TextEncoder().encode(template).length
  if (bytes > MAX_TEMPLATE_BYTES) note('G03', [{ severity: 'medium', message: `It has ${bytes} bytes.` }])
  const syntax = syntaxOf(template)
  const constants = constantsOf(syntax.nodes ?? [])
  if (syntax.isBeyond) note('G18', [{ severity: 'high', message: `It is too large to be read: ${syntax.problem}.` }])
  else if (syntax.problem !== undefined) {
    note('G23', [{ severity: 'medium', message: `It cannot be read, and so not be judged: ${syntax.problem}.` }])
  }
  note('G23', codeFaults(syntax, constants))
  note('G18', expansionFaults(syntax, constants))
  if (constants.steps < 0)
    note('G18', [{ severity: 'high', message: 'It takes too long to see what it puts together.' }])
  // What its publisher says to the model is the model.
  if (known === undefined) note('G24', [...poisonFaults(template, syntax), ...differenceFaults(entries)])
  return { key, bytes, sha256, ...(known !== undefined && { known }) }
}

/** A template that is not the one which the publisher of a model of this name has. */
function differenceFaults(entries: GgufHeader['entries']): readonly TemplateFault[] {
  const name = entries.get('general.name')?.value
  const model = typeof name === 'string' ? hasKnownTemplate(name) : undefined
  return model === undefined ? [] : [{ severity: 'low', message: `It is not the template that ${model} has.` }]
}
