/**
 * What a server answers for one path, and under which policy a browser is to read it.
 *
 * @module
 */

/** One static file, ready to be sent. */
export interface Asset {
  /** Value of `content-type`. */
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
  /** All headers, `content-type` among them; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** Nothing but our own files and our own router; no handler in markup, no string made code. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** For the file that runs anywhere: one script and one style, by their digests, and no request at all. */
export const verifierPolicy = (scriptDigest: string, styleDigest: string): string =>
  [
    "default-src 'none'",
    `script-src 'sha256-${scriptDigest}'`,
    `style-src 'sha256-${styleDigest}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  sha256: 'text/plain; charset=utf-8',
}

/** Adds to bytes what a server sends with them. @param path Where it is served; its ending gives the type. */
export function assetOf(path: string, bytes: Uint8Array<ArrayBuffer>): Asset {
  const ending = path === '/' ? 'html' : path.slice(path.lastIndexOf('.') + 1)
  const type = TYPES[ending]
  if (type === undefined) throw new RangeError(`Cannot serve ${path}: no content type is known for it`)
  const policy = path === '/' ? PAGE_POLICY : ending === 'html' ? policyInside(bytes) : undefined
  return {
    type,
    bytes,
    headers: {
      'content-type': type,
      'cache-control': /-[A-Z0-9]{8}\.js$/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      ...(policy && { 'content-security-policy': `${policy}; frame-ancestors 'none'` }),
    },
  }
}

/** The policy that a file carries in its own markup, so that header and markup cannot differ. */
function policyInside(bytes: Uint8Array): string {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(new TextDecoder().decode(bytes))?.[1]
  if (policy === undefined) throw new RangeError('Cannot serve the verifier: it has no policy in its markup')
  return policy
}
