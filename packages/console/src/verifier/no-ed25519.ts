/**
 * Stands in the verifier's file where the SDK loads Ed25519 in JavaScript: one file cannot load a second one later, and
 * a browser from 2025 on has it in WebCrypto (Firefox 129, Safari 17, Chromium 137). An older one is told, and gets no
 * verdict.
 *
 * @module
 */
function missing(): never {
  throw new Error(
    'this browser has no Ed25519 in WebCrypto; open the page with Firefox 129, Safari 17 or Chrome 137, or a later one',
  )
}

export const verifyEd25519 = missing
export const createEd25519Key = missing
