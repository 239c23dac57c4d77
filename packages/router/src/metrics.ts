/**
 * Counters and histograms as Prometheus text (exposition format 0.0.4). No labels from outside: only codes, kinds and
 * agents of the routing table.
 *
 * @module
 */

export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void
  /** Seconds. */
  observe(name: string, seconds: number): void
  render(gauges: readonly Gauge[]): string
}

export interface Gauge {
  readonly name: string
  readonly help: string
  readonly value: number
  readonly labels?: Readonly<Record<string, string>>
}

const HELP: Readonly<Record<string, string>> = {
  weave_http_requests_total: 'HTTP requests by route and status.',
  weave_packets_total: 'Packets by kind and outcome code.',
  weave_signature_failures_total: 'Packets, fetches and messages of topics whose signature did not verify.',
  weave_replays_total: 'Sequence numbers that were used twice.',
  weave_attempts_total: 'Attempts made.',
  weave_deliveries_total: 'Deliveries to agents.',
  weave_dead_letters_total: 'Packets that became dead letters, by code.',
  weave_answers_total: 'Answers that ended, by how.',
  weave_frames_total: 'Frames taken from agents.',
  weave_frames_dropped_total: 'Frames refused, by reason.',
  weave_faults_total: 'Errors of the router itself, by stage.',
  weave_l7_windows_total: 'Windows of requests that were judged, by whose they are and verdict.',
  weave_l7_findings_total: 'Windows of requests that were called attacks, by whose they are and family.',
  weave_l7_votes_total: 'Votes on windows that were called attacks, by member.',
  weave_topic_dead_total: 'Messages that a consumer of a topic can never take, by code.',
  weave_topic_retries_total: 'Deliveries of a topic that failed and are made again, by code.',
  weave_feedback_total: 'Feedback by topic: about a finding of ours, of others, or not as the log has it.',
  weave_findings_total:
    'Findings by topic: kept to be published, known already, given up for want of room, or lost to a store that fails.',
  weave_finding_retries_total: 'Attempts to publish a finding that failed and are made again, by code.',
  weave_finding_dead_total: 'Findings that can never be published, by code.',
  weave_finding_publish_seconds: 'Time that it takes to publish a finding.',
  weave_finding_pipeline_seconds: 'Time from what was seen to the confirmed leaf of its finding.',
  weave_commit_seconds: 'Time from append to confirmed.',
}

const BUCKETS = [0.005, 0.01, 0.015, 0.025, 0.06, 0.1, 0.25, 0.5, 1, 2, 5]

interface Histogram {
  readonly counts: number[]
  sum: number
  count: number
}

export function createMetrics(): Metrics {
  const counters = new Map<string, Map<string, number>>()
  const histograms = new Map<string, Histogram>()
  return {
    count(name, labels = {}, by = 1) {
      const series = counters.get(name) ?? new Map<string, number>()
      counters.set(name, series)
      const key = labelText(labels)
      series.set(key, (series.get(key) ?? 0) + by)
    },
    observe(name, seconds) {
      const histogram = histograms.get(name) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 }
      histograms.set(name, histogram)
      for (const [i, bound] of BUCKETS.entries())
        if (seconds <= bound) histogram.counts[i] = (histogram.counts[i] as number) + 1
      histogram.sum += seconds
      histogram.count += 1
    },
    render(gauges) {
      const lines: string[] = []
      for (const [name, series] of counters) {
        lines.push(`# HELP ${name} ${HELP[name] ?? name}`, `# TYPE ${name} counter`)
        for (const [labels, value] of series) lines.push(`${name}${labels} ${value}`)
      }
      for (const [name, { counts, sum, count }] of histograms) {
        lines.push(`# HELP ${name} ${HELP[name] ?? name}`, `# TYPE ${name} histogram`)
        for (const [i, bound] of BUCKETS.entries()) lines.push(`${name}_bucket{le="${bound}"} ${counts[i]}`)
        lines.push(`${name}_bucket{le="+Inf"} ${count}`, `${name}_sum ${sum}`, `${name}_count ${count}`)
      }
      const named = new Set<string>()
      for (const { name, help, value, labels = {} } of gauges) {
        if (!named.has(name)) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`)
        named.add(name)
        lines.push(`${name}${labelText(labels)} ${value}`)
      }
      return `${lines.join('\n')}\n`
    },
  }
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '_')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
