// Generated from json/packet.v1.schema.json by generate/json-schema.ts. Do not edit.

/** SHA-256 of the bytes of `json/packet.v1.schema.json`, in lowercase hex. */
export const SCHEMA_DIGEST_V1_HEX = 'd188b0789dcae7ed9fe1775fba6aa2f29416ac1ba908912b89666219dee361ce'

/** The same as bytes: the `schema` of every core of version 1. */
export const SCHEMA_DIGEST_V1: Uint8Array<ArrayBuffer> = /* @__PURE__ */ Uint8Array.of(
  209, 136, 176, 120, 157, 202, 231, 237, 159, 225, 119, 95, 186, 106, 162, 242, 148, 22, 172, 27, 169, 8, 145, 43, 137, 102, 98, 25, 222, 227, 97, 206,
)

/** Digest in hex → format version, for every schema that this build can read. */
export const KNOWN_SCHEMAS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([[SCHEMA_DIGEST_V1_HEX, 1]])
  