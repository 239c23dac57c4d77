/**
 * Numbers that an engine sizes its tables by, and shapes that follow from them: G06 for the architecture, G20, G21.
 *
 * @module
 */
import { type Sheet, short } from '../finding.ts'
import { type GgufEntry, type GgufHeader, isArray } from '../parse/header.ts'

const MAX_BLOCKS = 512
const MAX_EXPERTS = 4_096
/** Without attention, or with it in some blocks only: their converters write zero heads. */
const HEADLESS = /^(mamba|rwkv|arwkv|jamba|falcon-h1|plamo|granitehybrid|nemotron_h|lfm2|kimi-linear|qwen3next|bamba)/

/** Whole numbers among the keys of an architecture. */
interface Numbers {
  readonly architecture: string
  of(name: string): number | undefined
  at(name: string): number
  has(name: string): boolean
}

export function checkHyperParameters(header: GgufHeader, sheet: Sheet, isWhole: boolean): void {
  sheet.run('G06', 'G20', 'G21')
  const { entries } = header
  const architecture = entries.get('general.architecture')?.value
  const kind = entries.get('general.type')?.value
  if (typeof architecture !== 'string' || architecture === '') {
    // An importance matrix is of no architecture, and of shards the first one says it.
    const isLaterShard = Number(entries.get('split.no')?.value ?? 0) > 0
    if (kind !== 'imatrix' && !isLaterShard) {
      sheet.found('G06', header.end, 'The file does not say its architecture.', { subject: 'general.architecture' })
    }
    return
  }
  const numbers = numbersOf(architecture, entries)
  checkBlocks(header, numbers, sheet, isWhole && (kind === undefined || kind === 'model'))
  checkHeads(numbers, sheet)
  checkExperts(header, numbers, sheet)
  checkAdapter(header, sheet)
  checkProjector(header, sheet)
}

function numbersOf(architecture: string, entries: ReadonlyMap<string, GgufEntry>): Numbers {
  const entry = (name: string) => entries.get(`${architecture}.${name}`)
  return {
    architecture,
    of(name) {
      const value = entry(name)?.value
      if (typeof value === 'number' && Number.isInteger(value)) return value
      return typeof value === 'bigint' && value < 2n ** 53n ? Number(value) : undefined
    },
    at: (name) => entry(name)?.offset ?? 0,
    has: (name) => entry(name) !== undefined,
  }
}

function checkBlocks({ tensors }: GgufHeader, numbers: Numbers, sheet: Sheet, isWhole: boolean): void {
  const blocks = numbers.of('block_count')
  for (const name of ['block_count', 'context_length', 'embedding_length']) {
    if (!numbers.has(name)) continue
    const value = numbers.of(name)
    const most = name === 'block_count' ? MAX_BLOCKS : 2 ** 31
    if (value !== undefined && value >= 1 && value <= most) continue
    sheet.found('G20', numbers.at(name), `It is ${value ?? 'no whole number'}, wanted 1 to ${most}.`, { subject: name })
  }
  if (blocks === undefined || !isWhole || blocks > MAX_BLOCKS) return
  const there = new Set<number>()
  for (const { name, at } of tensors) {
    const index = /^blk\.(\d{1,9})\./.exec(name)?.[1]
    if (index === undefined) continue
    there.add(Number(index))
    if (Number(index) >= blocks) {
      sheet.found('G20', at, `A tensor is of block ${index}, and there are ${blocks}.`, { subject: name })
    }
  }
  if (there.size === 0) return
  for (let index = 0; index < blocks; index++) {
    if (there.has(index)) continue
    sheet.found('G20', numbers.at('block_count'), `Block ${index} of ${blocks} has no tensor.`, {
      subject: 'block_count',
    })
    return
  }
}

function checkHeads(numbers: Numbers, sheet: Sheet): void {
  const heads = numbers.of('attention.head_count')
  const keyHeads = numbers.of('attention.head_count_kv')
  const width = numbers.of('embedding_length')
  const found = (name: string, message: string) => sheet.found('G20', numbers.at(name), message, { subject: name })
  if (heads === undefined || HEADLESS.test(numbers.architecture)) return
  if (heads <= 0) {
    found('attention.head_count', `There are ${heads} heads.`)
    return
  }
  if (width !== undefined && width % heads !== 0 && !numbers.has('attention.key_length')) {
    found('attention.head_count', `A width of ${width} does not divide by ${heads} heads.`)
  }
  if (keyHeads !== undefined && keyHeads !== 0 && (keyHeads < 0 || heads % keyHeads !== 0)) {
    found('attention.head_count_kv', `${heads} heads do not divide by ${keyHeads} heads of keys.`)
  }
}

function checkExperts({ tensors }: GgufHeader, numbers: Numbers, sheet: Sheet): void {
  const experts = numbers.of('expert_count')
  const used = numbers.of('expert_used_count')
  if (experts === undefined) return
  const found = (name: string, message: string) => sheet.found('G20', numbers.at(name), message, { subject: name })
  if (experts < 0 || experts > MAX_EXPERTS) found('expert_count', `There are ${experts} experts.`)
  if (used !== undefined && (used > experts || (experts > 0 && used <= 0))) {
    found('expert_used_count', `${used} of ${experts} experts are used.`)
  }
  if (experts === 0) return
  for (const { name, dimensions, at } of tensors) {
    const stacked = /^blk\.\d+\.ffn_(gate|up|down|gate_up)_exps\.weight$/.test(name) ? dimensions[2] : undefined
    if (stacked !== undefined && stacked !== experts) {
      sheet.found('G21', at, `It stacks ${stacked} experts, and there are ${experts}.`, { subject: name })
    }
  }
}

/** Low-rank pairs: what one gives, the other takes. */
function checkAdapter({ tensors }: GgufHeader, sheet: Sheet): void {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  for (const { name, dimensions, at } of tensors) {
    if (!name.endsWith('.lora_a')) continue
    const other = byName.get(`${name.slice(0, -1)}b`)
    if (other === undefined) {
      sheet.found('G21', at, 'An adapter has one half of a pair only.', { subject: name })
    } else if (!name.includes('token_embd') && dimensions[1] !== other.dimensions[0]) {
      const message = `Its rank is ${dimensions[1] ?? 1}, and ${other.dimensions[0]} in the other half.`
      sheet.found('G21', at, message, { subject: name })
    }
  }
}

function checkProjector({ entries, tensors }: GgufHeader, sheet: Sheet): void {
  const width = entries.get('clip.vision.embedding_length')?.value
  const patch = tensors.find(({ name }) => name === 'v.patch_embd.weight')
  const given = patch?.dimensions[3]
  if (patch === undefined || given === undefined || width === undefined || isArray(width) || given === Number(width))
    return
  sheet.found('G21', patch.at, `It is ${given} wide, and the projector says ${width}.`, { subject: short(patch.name) })
}
