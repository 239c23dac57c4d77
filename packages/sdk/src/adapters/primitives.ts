/**
 * The cryptographic primitives that the SDK stands on, as one shape with three makers: `node/` (OpenSSL through
 * `node:crypto`), `web/` (WebCrypto first, JavaScript where a synchronous call is needed) and `noble/` (JavaScript only).
 * The package's `imports` map picks one under the name `#primitives`; `primitives.contract.ts` holds all three to the
 * same bytes and the same verdicts.
 *
 * Nothing here throws because of bytes from outside: what does not open, does not verify or lies in the small subgroup
 * is a return value. A wrong length of a key or nonce that the calling code chose is a `RangeError`.
 *
 * @module
 */
import type { Bytes } from '../bytes.ts'

/** An Ed25519 private key, imported once; its seed is not kept anywhere else. */
export interface Ed25519Key {
  /** 32 bytes. */
  readonly publicKey: Bytes
  /** Signs the bytes as they are (RFC 8032 §5.1.6, no pre-hash). 64 bytes, and deterministic. */
  sign(message: Uint8Array): Bytes | Promise<Bytes>
}

/** An {@link Ed25519Key} whose back end is synchronous. */
export interface SyncEd25519Key extends Ed25519Key {
  sign(message: Uint8Array): Bytes
}

export interface X25519KeyPair {
  /** 32 bytes, not clamped. */
  readonly privateKey: Bytes
  /** 32 bytes: the u-coordinate. */
  readonly publicKey: Bytes
}

/** X25519 (RFC 7748). Every agreement that would be all zero is `undefined` (RFC 9180 §7.1.4). */
export interface X25519 {
  keygen(): X25519KeyPair
  publicKey(privateKey: Uint8Array): Bytes
  agree(privateKey: Uint8Array, publicKey: Uint8Array): Bytes | undefined
  /** A fresh key pair used once: its private half is never exported. */
  agreeOnce(publicKey: Uint8Array): { readonly publicKey: Bytes; readonly shared: Bytes } | undefined
  /**
   * The whole `Decap` of DHKEM(X25519, HKDF-SHA256) in one native call, where the runtime has it and gives the same
   * bytes as RFC 9180 §4.1. Absent elsewhere.
   */
  readonly dhkemDecap?: ((privateKey: Uint8Array, enc: Uint8Array) => Bytes | undefined) | undefined
}

export interface Primitives {
  /** SHA-256 of the parts, one after the other. Synchronous everywhere. */
  sha256(...parts: readonly Uint8Array[]): Bytes
  /** HMAC-SHA256 (RFC 2104) over the parts, one after the other. */
  hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes
  /** HKDF-Extract (RFC 5869 §2.2): 32 bytes. */
  hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Bytes
  /** HKDF-Expand (RFC 5869 §2.3). @throws RangeError when `length` is not 0 … 8,160. */
  hkdfExpand(prk: Uint8Array, info: Uint8Array, length: number): Bytes
  /** From the system's generator. At most 65,536 bytes a call. */
  randomBytes(length: number): Bytes
  /** To be awaited before the AEAD is used: loads the JavaScript of it where there is no other, once. */
  loadAead(): Promise<void>
  /** ChaCha20-Poly1305 (RFC 8439 §2.8): ciphertext and 16-byte tag in one. */
  aeadSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Bytes
  /** Inverse of {@link aeadSeal}; `undefined` when the tag does not match, whatever the cause. */
  aeadOpen(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Bytes | undefined
  /** Resolves at once where it is native and synchronous; loads the JavaScript of it elsewhere. */
  loadX25519(): Promise<X25519>
  /**
   * The one verdict (docs/protocol.md, signatures): lengths, `S < L`, canonical `A` and `R` of more than small order,
   * then `[S]B = R + [k]A` without the cofactor. The same on every runtime. A promise only where the back end is
   * asynchronous; the arguments are copied before that.
   */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>
  /** Imports a 32-byte seed. @throws RangeError for any other length. */
  createEd25519Key(seed: Uint8Array): Ed25519Key | Promise<Ed25519Key>
}
