/**
 * Templates of NetFlow v9 and IPFIX: what the data sets of one exporter's domain look like. Bounded: domains, templates and
 * fields have limits, and what is over them pushes out what was used longest ago.
 *
 * @module
 */
import type { ExportCounts } from './record.ts'

/** Length of a field whose records say it themselves (RFC 7011 section 7). */
export const VARIABLE = 0xffff

export interface Field {
  readonly id: number
  /** Private enterprise number; 0 for those of IANA. */
  readonly enterprise: number
  /** Bytes, or `VARIABLE`. */
  readonly length: number
}

export interface Template {
  readonly fields: readonly Field[]
  /** Leading fields that say what an options record is about; 0 for templates of flows. */
  readonly scopes: number
  /** Bytes that a record has at least. At least 1. */
  readonly minBytes: number
  readonly takenMs: number
}

export interface Domain {
  readonly templates: Map<number, Template>
  /** Told by options records. */
  samplingEvery: number | undefined
  /** IPFIX: milliseconds since 1970 at which the exporter started. */
  bootMs: number | undefined
}

export interface TemplateLimits {
  /** Default 1,024 exporters' domains. */
  readonly maxDomains?: number
  /** Default 256 in a domain. */
  readonly maxTemplates?: number
  /** Default 30 minutes: RFC 7011 section 8.4 wants three times the refresh, which most exporters do each 10 minutes. */
  readonly lifetimeMs?: number
}

/** RFC 7011 has no bound; a datagram of 64 KiB could hold 16,000. */
export const MAX_FIELDS = 512

export interface TemplateStore {
  domain(key: string): Domain
  /** Undefined when it was never told, withdrawn or too old. */
  find(domain: Domain, id: number, nowMs: number): Template | undefined
  /** Takes one; counts and ignores one that cannot be. */
  take(domain: Domain, id: number, fields: readonly Field[], scopes: number, nowMs: number): void
}

export function templateStore(counts: ExportCounts, limits: TemplateLimits = {}): TemplateStore {
  const { maxDomains = 1024, maxTemplates = 256, lifetimeMs = 30 * 60_000 } = limits
  const domains = new Map<string, Domain>()
  return {
    domain(key) {
      const known = domains.get(key)
      if (known !== undefined) domains.delete(key)
      else if (domains.size >= maxDomains) evictOldest(domains, counts)
      const domain = known ?? { templates: new Map(), samplingEvery: undefined, bootMs: undefined }
      domains.set(key, domain)
      return domain
    },
    find({ templates }, id, nowMs) {
      const template = templates.get(id)
      if (template === undefined || nowMs - template.takenMs <= lifetimeMs) return template
      templates.delete(id)
      counts.expired++
      return undefined
    },
    take({ templates }, id, fields, scopes, nowMs) {
      const minBytes = fields.reduce((sum, { length }) => sum + (length === VARIABLE ? 1 : length), 0)
      if (id < 256 || minBytes === 0 || scopes > fields.length) {
        counts.malformedTemplates++
        return
      }
      if (!templates.delete(id) && templates.size >= maxTemplates) evictOldest(templates, counts)
      templates.set(id, { fields, scopes, minBytes, takenMs: nowMs })
      counts.templates++
    },
  }
}

function evictOldest<K>(of: Map<K, unknown>, counts: ExportCounts): void {
  of.delete(of.keys().next().value as K)
  counts.evicted++
}
