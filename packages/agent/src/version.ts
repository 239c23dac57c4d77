/** Of this package, as `--version` says it; a test compares it with package.json. */
export const VERSION = '0.1.0'
