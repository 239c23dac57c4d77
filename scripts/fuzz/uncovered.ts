/** Readers that are exported and are no target of their own, each with its reason: `file function`. */
export const UNCOVERED: Readonly<Record<string, string>> = {}
