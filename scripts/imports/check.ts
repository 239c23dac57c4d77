import { cruise, type ICruiseResult } from 'dependency-cruiser'
import { forbidden, options } from './rules.ts'

/** One import that a rule forbids. */
export interface Violation {
  readonly rule: string
  readonly from: string
  readonly to: string
  readonly comment: string
}

const commentOf = new Map(forbidden.map((rule) => [rule.name, rule.comment]))

/**
 * Every forbidden import of the packages under `root`, a folder that has `packages/`.
 *
 * @returns the violations, and how many files were read: a check over nothing is no check
 */
export const checkImports = async (
  root: string,
): Promise<{ readonly files: number; readonly violations: readonly Violation[] }> => {
  const result = await cruise(
    ['packages'],
    { ...options, baseDir: root, validate: true, ruleSet: { forbidden } } as unknown as Parameters<typeof cruise>[1],
    options.enhancedResolveOptions as Parameters<typeof cruise>[2],
  )
  const output = result.output as ICruiseResult
  return {
    files: output.modules.filter((module) => module.source.startsWith('packages/')).length,
    violations: output.summary.violations.map(({ rule, from, to }) => ({
      rule: rule.name,
      from,
      to,
      comment: commentOf.get(rule.name) ?? '',
    })),
  }
}
